// Mean gradients at the current weights, and the comparison of two buffers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NativeOperand, NativeSession } from '../../lib/native/boundary.ts';
import { assertGradients } from './helpers/compare.ts';
import { assertNear } from './helpers/pulls.ts';
import {
  heads,
  openTiny,
  planOf,
  put,
  randomValues,
  slotOf,
  type Steps,
  stepOf,
  take,
  train,
  type Values,
} from './helpers/tiny.ts';
import { tolerances } from './helpers/tolerances.ts';

const rows = [3, 11, 0, 4, 4, 8, 9];
const batches = [[[0, 1, rows]]] as const;

const tasks = [
  { head: heads.three, loss: 'cross-entropy' },
  { head: heads.two, loss: 'cross-entropy' },
  { head: heads.score, loss: 'mse' },
  { head: heads.words, loss: 'masked-lm', masking: { probability: 0.5, maskId: 4, special: Int32Array.of(0) } },
] as const;

for (const task of tasks) {
  test(`the mean gradient of head ${task.head} is that of a training step without dropout`, async (t) => {
    const tiny = await openTiny(t);
    const expected = await stepOf(tiny, {}, { parts: [task], batches, dropout: false } satisfies Steps);
    // Masked-LM losses are means over a batch's masked tokens, so only one batch of all rows is the training step.
    for (const batchTokens of task.loss === 'masked-lm' ? [1000] : [1000, 9, 1]) {
      const slot = await tiny.session.gradient({
        ...task,
        dataset: tiny.dataset,
        rows: Int32Array.from(rows),
        batchTokens,
      });
      assertGradients(await take(tiny.session, 'slot', 0, slot), expected.gradients, tolerances.sameStep);
      const changed = await take(tiny.session, 'weights');
      assert.deepEqual(changed, randomValues(tiny.session, 1), 'the weights stay');
    }
  });
}

test('each replica has the mean gradient of its own weights', async (t) => {
  const two = await openTiny(t, { replicas: 2 });
  const other = randomValues(two.session, 5);
  await put(two.session, other, { buffer: 'weights', replica: 1 });
  const spec = { head: heads.three, loss: 'cross-entropy', rows: Int32Array.from(rows), batchTokens: 20 } as const;
  const slot = await two.session.gradient({ ...spec, dataset: two.dataset });
  for (const [replica, weights] of [randomValues(two.session, 1), other].entries()) {
    const alone = await openTiny(t, {}, weights);
    const own = await alone.session.gradient({ ...spec, dataset: alone.dataset });
    assert.deepEqual(await take(two.session, 'slot', replica, slot), await take(alone.session, 'slot', 0, own));
  }
});

async function compared(session: NativeSession, a: NativeOperand, b: NativeOperand) {
  const sums = await session.compare(a, b);
  const count = session.parameters().length;
  assert.equal(sums.length, session.replicas() * count * 4);
  return (replica: number, tensor: number) => sums.subarray((replica * count + tensor) * 4).subarray(0, 4);
}

const sumsOf = (a: Float32Array, b: Float32Array): number[] => {
  const sums = [0, 0, 0, 0];
  for (const [i, x] of a.entries()) {
    const y = b[i]!;
    for (const [at, value] of [x * x, x * y, y * y, (x - y) ** 2].entries()) sums[at]! += value;
  }
  return sums;
};

test('compare() gives the sums over each tensor of each replica', async (t) => {
  const tiny = await openTiny(t, { replicas: 2 });
  const { session, dataset } = tiny;
  await put(session, randomValues(session, 5), { buffer: 'weights', replica: 1 });
  await assert.rejects(session.compare({ buffer: 'exp_avg' }, { buffer: 'weights' }), {
    code: 'ERR_INVALID_OPTION',
    message: /compare/,
  });
  session.setPlan(planOf(session, { rates: Float64Array.of(0.01, 0.02) }));
  await train(tiny, { factor: 1 });
  const start = await slotOf(session, randomValues(session, 7));
  const spec = {
    head: heads.three,
    dataset,
    loss: 'cross-entropy',
    rows: Int32Array.from(rows),
    batchTokens: 20,
  } as const;
  const gradient = await session.gradient(spec);
  const operands: (readonly [NativeOperand, NativeOperand])[] = [
    [{ buffer: 'weights' }, { buffer: 'slot', slot: start }],
    [{ buffer: 'slot', slot: gradient }, { buffer: 'exp_avg' }],
    [{ buffer: 'exp_avg_sq' }, { buffer: 'weights' }],
  ];
  for (const [a, b] of operands) {
    const result = await compared(session, a, b);
    for (const replica of [0, 1]) {
      const values = (o: NativeOperand): Promise<Values> =>
        take(session, o.buffer, replica, 'slot' in o ? o.slot : undefined);
      const [x, y] = [await values(a), await values(b)];
      for (const [i, { name }] of session.parameters().entries()) {
        const [left, right] = [x.get(name)!, y.get(name)!];
        // a b may cancel: judged by the sum of its sizes.
        const scale = sumsOf(left.map(Math.abs), right.map(Math.abs));
        assertNear(`${name} of replica ${replica}`, result(replica, i), sumsOf(left, right), {
          relative: 1e-12,
          scale,
        });
      }
    }
  }
});

test('the cosine of a gradient with itself is 1, with its opposite -1, and its distance to itself 0', async (t) => {
  const { session, dataset } = await openTiny(t);
  const spec = {
    head: heads.three,
    dataset,
    loss: 'cross-entropy',
    rows: Int32Array.from(rows),
    batchTokens: 20,
  } as const;
  const slot = await session.gradient(spec);
  const again = await session.gradient(spec);
  const opposite: Values = new Map(
    [...(await take(session, 'slot', 0, slot))].map(([name, g]) => [name, g.map((x) => -x)]),
  );
  for (const [other, cosine] of [
    [slot, 1],
    [again, 1],
    [await slotOf(session, opposite), -1],
  ] as const) {
    const result = await compared(session, { buffer: 'slot', slot }, { buffer: 'slot', slot: other });
    for (const [i, { name }] of session.parameters().entries()) {
      const [aa, ab, bb, distance] = result(0, i);
      if (aa === 0) continue; // the other heads
      assertNear(name, [ab! / Math.sqrt(aa! * bb!)], [cosine], { relative: 1e-12 });
      if (cosine === 1) assert.equal(distance, 0);
    }
  }
});
