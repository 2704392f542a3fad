// Sessions on several emulated devices: the numbers of one, and what happens to the others when one of them fails.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { NativePlan, NativeSegment, NativeSession } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import { tinyModel, tinySpec } from '../helpers/native.ts';

const [one, two, three] = ['emulated', 'emulated,emulated', 'emulated,emulated,emulated'] as const;
const model = { ...tinyModel, maxPositions: 512 };

interface Opened {
  readonly session: NativeSession;
  readonly dataset: number;
}

/** With rows of these lengths. */
async function open(t: TestContext, device: string, lengths: readonly number[], replicas = 1): Promise<Opened> {
  const session = new (loadNative().Session)({ ...tinySpec, model, device, replicas, matmul: 'auto' });
  t.after(() => session.closeSync());
  await session.initialize(Int32Array.from(session.parameters().keys()), 0.05, 1);
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  const tokens = offsets.at(-1)!;
  const dataset = session.addDataset({
    inputIds: Int32Array.from({ length: tokens }, (_, i) => 5 + ((i * 7) % 45)),
    typeIds: Uint8Array.from({ length: tokens }, (_, i) => i % 2),
    offsets: Int32Array.from(offsets),
    labels: Float32Array.from(lengths, (_, i) => i % 2),
  });
  session.setPlan(planOf(session));
  return { session, dataset };
}

function planOf(session: NativeSession): NativePlan {
  const replicas = session.replicas();
  return {
    groupOf: new Int32Array(session.parameters().length),
    groups: 1,
    rates: Float64Array.from({ length: replicas }, (_, k) => 1e-3 * (k + 1)),
    decay: new Float64Array(replicas).fill(0.01),
    optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    moments: 'fresh',
  };
}

/** A step for each batch. */
function segmentOf({ session, dataset }: Opened, batches: readonly (readonly number[])[]): NativeSegment {
  const rowOffsets = [0];
  for (const batch of batches) rowOffsets.push(rowOffsets.at(-1)! + batch.length);
  return {
    steps: batches.length,
    parts: [{ head: 0, dataset, loss: 'cross-entropy' }],
    batchPart: new Int32Array(batches.length),
    batchStep: Int32Array.from(batches.keys()),
    rows: Int32Array.from(batches.flat()),
    rowOffsets: Int32Array.from(rowOffsets),
    weights: new Float64Array(batches.length).fill(1),
    factors: new Float64Array(session.replicas() * batches.length).fill(1),
    factorsPerGroup: false,
    clipNorm: 1,
    stepOffset: 0,
    dropout: true,
    reportMs: 0,
  };
}

const train = (opened: Opened, batches: readonly (readonly number[])[]) =>
  opened.session.train(segmentOf(opened, batches), () => undefined);

/** Of the greatest number. */
function near(actual: Float32Array, expected: Float32Array, what: string): void {
  const most = expected.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
  assert.ok(most > 0 && actual.length === expected.length, what);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(actual[i]! - value) <= 1e-5 * most, `${what} [${i}]: ${actual[i]}, not ${value}`);
}

const lengths = [4, 9, 3, 17, 5, 8, 12, 6, 3, 7];
/** Some have fewer rows than there are devices, and one has a row that is longer than all others together. */
const batches = [[0, 1, 2, 3, 4, 5, 6, 7], [8], [9, 0], [3, 2, 8], [5, 5, 5, 1, 7]];

for (const device of [two, three])
  test(`losses, norms, weights and measures on ${device} are those of one`, async (t) => {
    const [several, alone] = [await open(t, device, lengths, 2), await open(t, one, lengths, 2)];
    const [found, expected] = [await train(several, batches), await train(alone, batches)];
    near(found.losses, expected.losses, 'losses');
    near(found.gradNorms, expected.gradNorms, 'norms');
    assert.equal(found.tokens, expected.tokens);
    const measures = async ({ session, dataset }: Opened) => {
      const rows = Int32Array.of(0, 3, 5, 1, 8);
      const common = { head: 0, dataset, rows, loss: 'cross-entropy' } as const;
      const slots = [
        await session.fisher({ ...common, labels: 'data' }),
        await session.gradient({ ...common, batchTokens: 12 }),
      ];
      const evaluate = (some: { rows?: Int32Array }) =>
        session.evaluate({ head: 0, dataset, want: 'logits', batchTokens: 16, ...some });
      const tensor = session.parameters().findIndex(({ name }) => name.endsWith('0.attention.self.value.weight'));
      const source = { parameter: tensor, replica: 1 };
      return {
        logits: await evaluate({}),
        'logits of one row': await evaluate({ rows: Int32Array.of(6) }),
        weights: await session.read({ ...source, buffer: 'weights' }),
        moments: await session.read({ ...source, buffer: 'exp_avg_sq' }),
        fisher: await session.read({ ...source, buffer: 'slot', slot: slots[0]! }),
        gradient: await session.read({ ...source, buffer: 'slot', slot: slots[1]! }),
      };
    };
    const theirs = await measures(alone);
    // Second moments are squares of gradients that differ by rounding.
    for (const [name, values] of Object.entries(await measures(several)))
      near(values, theirs[name as keyof typeof theirs], name);
  });

test('lists that are refused', () => {
  for (const device of [
    'emulated,cpu',
    'cpu,cpu',
    'emulated,cuda:0',
    'cuda:0,emulated',
    'cuda:0,cuda:0',
    'emulated,nothing',
    'emulated,',
  ])
    assert.throws(
      () => new (loadNative().Session)({ ...tinySpec, device, matmul: 'auto' }),
      { code: 'ERR_DEVICE_UNAVAILABLE' },
      device,
    );
});

/** For sessions opened until the end of the test. */
function environment(t: TestContext, name: string, value: number): void {
  process.env[name] = String(value);
  t.after(() => delete process.env[name]);
}

/** Should a device wait for another that does not come, nothing but this ends the process, and the test with it. */
function watch(t: TestContext): void {
  const timer = setTimeout(() => process.kill(process.pid, 'SIGKILL'), 60_000);
  t.after(() => clearTimeout(timer));
}

for (const [which, batch] of [
  ['first', [1, 0]],
  ['second', [0, 1]],
] as const)
  test(`the ${which} device alone runs out of memory: the job of all ends`, async (t) => {
    watch(t);
    environment(t, 'LRDIST_EMULATED_MEMORY', 7e5);
    // It gets 400 tokens, the other one the short row.
    const uneven = await open(t, two, [4, 400]);
    await assert.rejects(train(uneven, [batch]), { code: 'ERR_OUT_OF_MEMORY' });
    // No step was begun, so the session goes on.
    assert.ok(Number.isFinite((await train(uneven, [[0, 0]])).losses[0]));
    // Each has room for what both need.
    assert.ok(Number.isFinite((await train(await open(t, two, [4, 4]), [batch])).losses[0]));
  });

test('a snapshot for which one device has no memory is on none, and the next is on all', async (t) => {
  watch(t);
  environment(t, 'LRDIST_EMULATED_MEMORY', 7e5);
  const uneven = await open(t, two, [4, 250]);
  // The second device keeps the larger activations.
  await uneven.session.evaluate({ head: 0, dataset: uneven.dataset, want: 'logits', batchTokens: 512 });
  const slots: number[] = [];
  await assert.rejects(
    async () => {
      for (let i = 0; i < 100; i++) slots.push(await uneven.session.snapshot('weights'));
    },
    { code: 'ERR_OUT_OF_MEMORY' },
  );
  assert.ok(slots.length > 0);
  for (const slot of slots) uneven.session.release(slot);
  const last = await uneven.session.snapshot('weights');
  await uneven.session.restore(last);
});

test('a device that alone is lost ends the job of all', async (t) => {
  watch(t);
  environment(t, 'LRDIST_EMULATED_LOSS', 0);
  const { session, dataset } = await open(t, two, lengths);
  // A single row is the first device's: the second waits for the sum.
  const fisher = { head: 0, dataset, rows: Int32Array.of(0), loss: 'cross-entropy', labels: 'data' } as const;
  await assert.rejects(session.fisher(fisher), {
    code: 'ERR_DEVICE_LOST',
    message: /the emulated device is lost/,
  });
});

test('a stop ends all devices after the same step, and they go on alike', async (t) => {
  watch(t);
  const endless = Array.from({ length: 5000 }, (_, i) => [i % 8, (i + 1) % 8, (i + 2) % 8]);
  const opened = await open(t, three, lengths);
  const segment = segmentOf(opened, endless);
  const stopped = await opened.session.train(segment, () => opened.session.requestStop());
  assert.equal(stopped.stopped, true);
  assert.ok(stopped.steps > 0 && stopped.steps < endless.length);
  const whole = await open(t, three, lengths);
  const expected = await train(whole, endless.slice(0, stopped.steps + 3));
  const rest = endless.slice(stopped.steps, stopped.steps + 3);
  const found = await opened.session.train({ ...segmentOf(opened, rest), stepOffset: stopped.steps }, () => undefined);
  assert.deepEqual(stopped.losses.slice(0, stopped.steps), expected.losses.slice(0, stopped.steps));
  assert.deepEqual(found.losses, expected.losses.slice(stopped.steps));
});

test('closing in the middle ends all devices', async (t) => {
  watch(t);
  const opened = await open(t, two, lengths);
  const running = Promise.withResolvers<void>();
  const result = opened.session.train(
    segmentOf(
      opened,
      Array.from({ length: 5000 }, () => [0, 1, 2]),
    ),
    () => running.resolve(),
  );
  await running.promise;
  opened.session.closeSync();
  await result.then(
    ({ stopped }) => assert.equal(stopped, true),
    ({ code }: { code: string }) => assert.match(code, /ERR_(STOPPED|DISPOSED)/),
  );
});
