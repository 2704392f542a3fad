// Distillation: loss and gradient against the formula, teachers by replica, and parts that are trained together.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertGradients, assertWithin } from './helpers/compare.ts';
import { assertNear, assertSame, normOf } from './helpers/pulls.ts';
import {
  heads,
  openTiny,
  put,
  rowCount,
  type Steps,
  stepOf,
  take,
  type Tiny,
  uniform,
  type Values,
} from './helpers/tiny.ts';
import { tolerances } from './helpers/tolerances.ts';

const rows = [7, 2, 2, 10, 5];
const batches = [[[0, 1, rows]]] as const;

function teacher(outputs: number, seed: number, replicas = 1, size = 3): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length: replicas * rowCount * outputs }, () => size * (2 * next() - 1));
}

function logProbabilities(logits: Float32Array, temperature: number): number[] {
  const scaled = [...logits].map((z) => z / temperature);
  const top = Math.max(...scaled);
  const log = top + Math.log(scaled.reduce((sum, z) => sum + Math.exp(z - top), 0));
  return scaled.map((z) => z - log);
}

/** T^2 cross-entropy of the tempered predictions (Li & Hoiem 2016; Hinton et al. 2015); squared difference for one output. */
function rowLoss(student: Float32Array, teacher: Float32Array, temperature: number): number {
  if (student.length === 1) return (student[0]! - teacher[0]!) ** 2;
  const p = logProbabilities(student, temperature);
  const q = logProbabilities(teacher, temperature);
  return temperature ** 2 * -q.reduce((sum, value, i) => sum + Math.exp(value) * p[i]!, 0);
}

/** Mean loss of the rows for a replica, from the session's logits. */
async function expectedLoss(
  tiny: Tiny,
  head: number,
  outputs: number,
  targets: Float32Array,
  temperature: number,
  replica = 0,
) {
  const logits = await tiny.session.evaluate({ head, dataset: tiny.dataset, want: 'logits', batchTokens: 64 });
  const row = (from: Float32Array, r: number) => from.subarray((replica * rowCount + r) * outputs).subarray(0, outputs);
  return rows.reduce((sum, r) => sum + rowLoss(row(logits, r), row(targets, r), temperature), 0) / rows.length;
}

for (const [head, outputs, temperature] of [
  ['two', 2, 1],
  ['two', 2, 0.5],
  ['three', 3, 2],
  ['three', 3, undefined],
  ['score', 1, 2],
] as const) {
  const steps = (targets: Float32Array): Steps => ({
    parts: [
      { head: heads[head], loss: 'distillation', targets, ...(temperature === undefined ? {} : { temperature }) },
    ],
    batches,
    dropout: false,
  });
  test(`${outputs} outputs at temperature ${temperature ?? 'by default'}: loss by the formula, gradient by finite differences`, async (t) => {
    const tiny = await openTiny(t);
    const weights = await take(tiny.session, 'weights');
    const targets = teacher(outputs, 4);
    const { loss, gradients, norm } = await stepOf(tiny, {}, steps(targets));
    const expected = await expectedLoss(tiny, heads[head], outputs, targets, temperature ?? 1);
    assertWithin('loss', Math.abs(loss - expected), tolerances.loss * Math.max(1, expected));

    assert.ok(norm > 0.05, `gradient norm ${norm}`);
    assertNear('norm', [norm], [normOf(gradients)], { relative: 1e-6 });
    async function lossAt(distance: number): Promise<number> {
      const moved = [...weights].map(([name, w]): [string, Float32Array] => {
        const g = gradients.get(name)!;
        return [name, w.map((value, i) => value + (distance / norm) * g[i]!)];
      });
      await put(tiny.session, new Map(moved));
      return (await stepOf(tiny, {}, steps(targets))).loss;
    }
    const central = async (h: number) => ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
    // Two step widths cancel the cubic term of the central difference.
    const slope = (4 * (await central(1e-2)) - (await central(2e-2))) / 3;
    t.diagnostic(`slope ${slope.toFixed(6)}, norm ${norm.toFixed(6)}`);
    assert.ok(Math.abs(slope - norm) / norm < 2 * tolerances.finiteDifference);
  });
}

test('the loss keeps to the formula where a probability is below the smallest double', async (t) => {
  const tiny = await openTiny(t);
  for (const temperature of [0.001, 0.01]) {
    const targets = teacher(3, 5, 1, 50);
    const parts = [{ head: heads.three, loss: 'distillation', targets, temperature }] as const;
    const { loss } = await stepOf(tiny, {}, { parts, batches, dropout: false });
    const expected = await expectedLoss(tiny, heads.three, 3, targets, temperature);
    assert.ok(expected > 0);
    assertNear('loss', [loss], [expected], { relative: 1e-4 });
  }
});

test('a student equal to its teacher has no gradient, and the teacher’s entropy as loss', async (t) => {
  const tiny = await openTiny(t);
  const { session, dataset } = tiny;
  const targets = await session.evaluate({ head: heads.three, dataset, want: 'logits', batchTokens: 64 });
  const parts = [{ head: heads.three, loss: 'distillation', targets, temperature: 2 }] as const;
  const { loss, norm } = await stepOf(tiny, {}, { parts, batches, dropout: false });
  assert.ok(norm < 1e-5 && loss > 0.1);
});

test('each replica has its own teacher, as alone, bit for bit', async (t) => {
  const targets = teacher(3, 6, 3);
  const part = (from: Float32Array) =>
    [{ head: heads.three, loss: 'distillation', targets: from, temperature: 2 }] as const;
  const three = await openTiny(t, { replicas: 3 });
  const together = await stepOf(three, {}, { parts: part(targets), batches });
  const three0 = await stepOf(three, {}, { parts: part(targets), batches, dropout: false });
  const losses: number[] = [];
  for (let replica = 0; replica < 3; replica++) {
    const alone = await openTiny(t);
    const own = targets.slice(replica * rowCount * 3, (replica + 1) * rowCount * 3);
    const result = await stepOf(alone, {}, { parts: part(own), batches });
    losses.push(result.loss);
    assertSame(
      `replica ${replica}`,
      await take(three.session, 'exp_avg', replica),
      await momentsWithoutDropout(alone, own),
    );
    if (replica === 2) assertSame('gradients', together.gradients, result.gradients);
  }
  assert.equal(together.loss, losses[2]);
  assert.equal(new Set(losses).size, 3);
  const expected = await expectedLoss(three, heads.three, 3, targets, 2, 2);
  assertWithin('loss of the last replica', Math.abs(three0.loss - expected), tolerances.loss);

  async function momentsWithoutDropout(alone: Tiny, own: Float32Array): Promise<Values> {
    await stepOf(alone, {}, { parts: part(own), batches, dropout: false });
    return take(alone.session, 'exp_avg');
  }
});

test('parts of one step: the weighted sum of their gradients and losses', async (t) => {
  const tiny = await openTiny(t);
  const masking = { probability: 0.5, maskId: 4, special: Int32Array.of(0) };
  const parts = [
    { head: heads.two, loss: 'cross-entropy' },
    { head: heads.three, loss: 'distillation', targets: teacher(3, 4), temperature: 2 },
    { head: heads.score, loss: 'mse' },
    { head: heads.words, loss: 'masked-lm', masking },
  ] as const;
  const shares = [
    [0.7, [0, 1, 2]],
    [1.5, [3, 4]],
    [0.2, [5]],
    [0.4, [6, 7, 8, 9, 10, 11, 0, 1]],
  ] as const;
  const step = shares.map(([weight, of], part) => [part, weight, of] as const);
  const joint = await stepOf(tiny, {}, { parts, batches: [step], dropout: false });
  const sum = new Map<string, Float64Array>();
  let loss = 0;
  for (const [part, [weight, of]] of shares.entries()) {
    // Masking depends on a row's place in the step: earlier parts stay, without weight.
    const before = shares.slice(0, part).map(([, rows], p) => [p, 0, rows] as const);
    const alone = await stepOf(tiny, {}, { parts, batches: [[...before, [part, 1, of]]], dropout: false });
    loss += weight * alone.loss;
    for (const [name, g] of alone.gradients) {
      const total = sum.get(name) ?? new Float64Array(g.length);
      for (let i = 0; i < g.length; i++) total[i]! += weight * g[i]!;
      sum.set(name, total);
    }
  }
  assertWithin('loss', Math.abs(joint.loss - loss), 2 * tolerances.loss);
  assertGradients(joint.gradients, sum, tolerances.sameStep);
});
