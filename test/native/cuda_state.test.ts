// What a session of the CUDA engine holds, on the emulator: weights, moments and slots go through files, forks, drops and new heads with the same bits
// as in the CPU engine, and short memory is said before it runs out.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { NativeBuffer, NativeFileTensor, NativeSession, NativeSessionSpec } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import { tinyData, tinyModel, tinyPlan, tinySegment, tinySpec } from '../helpers/native.ts';
import { temporaryFolder } from '../helpers/temporary.ts';

const folder = temporaryFolder();
const devices = [
  { device: 'cpu', matmul: 'mkl' },
  { device: 'emulated', matmul: 'cublas' },
] as const;

function open(spec: Partial<NativeSessionSpec>): NativeSession {
  return new (loadNative().Session)({ ...tinySpec, ...spec });
}

const all = (session: NativeSession): Int32Array => Int32Array.from(session.parameters(), (_, i) => i);

/** A file of bytes that stand for numbers of every type; as a float, each is finite. */
const numbers = join(folder, 'numbers');
writeFileSync(
  numbers,
  Uint8Array.from({ length: 40_000 }, (_, i) => ((i * 37) % 251) & 0x3f),
);

interface Held {
  readonly session: NativeSession;
  readonly slots: number[];
}

/** Every number that the session has, by name. Errors are part of it: both engines have the same. */
async function everything({ session, slots }: Held): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  const buffers: { buffer: NativeBuffer; slot?: number }[] = [
    ...(['weights', 'exp_avg', 'exp_avg_sq', 'steps'] as const).map((buffer) => ({ buffer })),
    ...slots.map((slot) => ({ buffer: 'slot' as const, slot })),
  ];
  for (let replica = 0; replica < session.replicas(); replica++) {
    for (const [parameter, { name }] of session.parameters().entries()) {
      for (const source of buffers) {
        const values = await session.read({ ...source, parameter, replica }).catch((error: Error) => error.message);
        found.set(`${source.buffer} ${source.slot} of ${name} in ${replica}`, values);
      }
    }
    found.set(`touched in ${replica}`, await session.read({ buffer: 'touched', parameter: 0, replica }));
  }
  return found;
}

type Step = (held: Held) => Promise<unknown>;

async function stateAfter(spec: Partial<NativeSessionSpec>, steps: readonly Step[]): Promise<Map<string, unknown>> {
  const held: Held = { session: open(spec), slots: [] };
  try {
    for (const step of steps) await step(held);
    return await everything(held);
  } finally {
    held.session.closeSync();
  }
}

async function same(steps: readonly Step[], spec: Partial<NativeSessionSpec> = {}): Promise<Map<string, unknown>> {
  const [cpu, emulated] = [
    await stateAfter({ ...spec, ...devices[0] }, steps),
    await stateAfter({ ...spec, ...devices[1] }, steps),
  ];
  assert.deepEqual(emulated, cpu);
  return emulated;
}

const fresh =
  (seed: number): Step =>
  ({ session }) =>
    session.initialize(all(session), 0.02, seed);

const loading =
  (tensor: Partial<NativeFileTensor>): Step =>
  async ({ session }) => {
    const replica = Math.min(tensor.replica ?? -1, session.replicas() - 1);
    await session.load([
      { path: numbers, offset: 8, dtype: 'F32', buffer: 'weights', parameter: 3, ...tensor, replica },
    ]);
  };

const floats = (parameter: number, offset: number, replica: number): Step[] =>
  (['weights', 'exp_avg', 'exp_avg_sq'] as const).map((buffer, i) =>
    loading({ buffer, parameter, offset: offset + 4 * i, replica }),
  );
const counts = (offset: number, replica: number): Step[] => [
  loading({ buffer: 'touched', dtype: 'U8', parameter: 0, offset, replica }),
  ({ session }) => {
    const path = join(folder, 'count');
    writeFileSync(path, BigInt64Array.of(BigInt(offset)));
    const at = { path, offset: 0, dtype: 'I64', buffer: 'steps', parameter: 5 } as const;
    return session.load([{ ...at, replica: Math.min(replica, session.replicas() - 1) }]);
  },
];
const order =
  (...replicas: number[]): Step =>
  ({ session }) =>
    session.setReplicas(Int32Array.from(replicas, (k) => k % session.replicas()));
const snapshot =
  (what: 'weights' | 'all'): Step =>
  async ({ session, slots }) => {
    slots.push(await session.snapshot(what));
  };
const restore =
  (i: number): Step =>
  async ({ session, slots }) => {
    if (slots.length > 0) await session.restore(slots[i % slots.length]!);
  };
const release =
  (i: number): Step =>
  async ({ session, slots }) => {
    if (slots.length > 0) session.release(slots.splice(i % slots.length, 1)[0]!);
  };
const newHead: Step = ({ session }) =>
  session.addHead({ ...tinySpec.heads[0], name: `more${session.parameters().length}`, outputs: 3 });

test('fresh values are those of the CPU engine, the same in every replica', async () => {
  const state = await same([fresh(7)], { replicas: 3 });
  const first = state.get('weights undefined of bert.embeddings.word_embeddings.weight in 0') as Float32Array;
  assert.deepEqual(state.get('weights undefined of bert.embeddings.word_embeddings.weight in 2'), first);
  assert(first.some((value) => value !== first[0]));
});

test('tensors of every type from files, into one replica and into all', async () => {
  const steps = (['F16', 'BF16', 'F64'] as const).map((dtype, i) =>
    loading({ dtype, parameter: i, offset: 16 * i, replica: i - 1 }),
  );
  const state = await same([fresh(1), ...steps, ...floats(4, 100, 1), ...floats(5, 12, -1), ...counts(3, 1)], {
    replicas: 2,
  });
  assert.deepEqual([...(state.get('touched in 1') as Float32Array)].slice(0, 3), [
    ...readFileSync(numbers).subarray(3, 6),
  ]);
  const name = open(tinySpec).parameters()[5]!.name;
  assert.deepEqual(state.get(`steps undefined of ${name} in 1`), Float32Array.of(3));
  assert.deepEqual(state.get(`steps undefined of ${name} in 0`), Float32Array.of(0));
});

test('both engines write the same file', async () => {
  const files = [];
  for (const device of devices) {
    const held: Held = { session: open({ ...device, replicas: 2 }), slots: [] };
    for (const step of [fresh(2), ...floats(6, 40, 1), ...counts(9, 1), snapshot('weights')]) await step(held);
    const path = join(folder, device.device);
    const from = { parameter: 0, replica: 1 };
    await held.session.write(path, '{"a":1} ', [
      ...(['weights', 'exp_avg', 'exp_avg_sq'] as const).map((buffer) => ({ buffer, parameter: 6, replica: 1 })),
      { buffer: 'steps', parameter: 5, replica: 1 },
      { buffer: 'touched', ...from },
      { buffer: 'slot', slot: held.slots[0]!, ...from },
    ]);
    held.session.closeSync();
    files.push(readFileSync(path));
  }
  assert(files[0]!.length > 4 * tinyModel.vocab * tinyModel.hidden);
  assert.deepEqual(files[1], files[0]);
});

test('forks, drops, swaps, snapshots and heads in any order leave the same bits', async () => {
  const replica = fc.integer({ min: 0, max: 3 });
  const step: fc.Arbitrary<readonly Step[]> = fc.oneof(
    { weight: 3, arbitrary: fc.array(replica, { minLength: 1, maxLength: 4 }).map((o) => [order(...o)]) },
    fc.tuple(fc.integer({ min: 0, max: 12 }), fc.nat(500), replica).map(([p, at, k]) => floats(p, 4 * at, k)),
    fc.tuple(fc.nat(500), replica).map(([at, k]) => counts(at, k)),
    fc.constantFrom('weights' as const, 'all' as const).map((what) => [snapshot(what)]),
    fc.nat(5).map((i) => [restore(i)]),
    fc.nat(5).map((i) => [release(i)]),
    fc.integer({ min: 1, max: 9 }).map((seed) => [fresh(seed)]),
    fc.constant([newHead]),
  );
  const sequence = fc.array(step, { maxLength: 10 }).map((steps) => steps.flat());
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), sequence, async (replicas, steps) => {
      await same([fresh(3), ...steps], { replicas });
    }),
    { numRuns: 60 },
  );
});

test('comparisons are those of the CPU engine', async () => {
  const results = [];
  for (const device of devices) {
    const held: Held = { session: open(device), slots: [] };
    for (const step of [fresh(2), snapshot('weights'), order(0, 0), fresh(3), ...floats(6, 40, 1)]) await step(held);
    results.push(await held.session.compare({ buffer: 'weights' }, { buffer: 'slot', slot: held.slots[0]! }));
    held.session.closeSync();
  }
  const [cpu, emulated] = results as [Float64Array, Float64Array];
  assert.equal(emulated.length, cpu.length);
  for (let i = 0; i < cpu.length; i++)
    assert(Math.abs(emulated[i]! - cpu[i]!) <= 1e-9 * Math.abs(cpu[i]!) + 1e-12, `${i}: ${emulated[i]}, ${cpu[i]}`);
});

test('what cannot be read or written fails as in the CPU engine', async () => {
  const short = join(folder, 'short');
  writeFileSync(short, new Uint8Array(10));
  const calls: ((session: NativeSession) => Promise<unknown>)[] = [
    (s) => s.read({ buffer: 'weights', parameter: 0, replica: 0 }),
    (s) => s.compare({ buffer: 'weights' }, { buffer: 'exp_avg' }),
    (s) => s.initialize(all(s), 0.02, 1),
    (s) => s.read({ buffer: 'exp_avg', parameter: 0, replica: 0 }),
    (s) => s.read({ buffer: 'gradients', parameter: 0, replica: 0 }),
    (s) => s.compare({ buffer: 'weights' }, { buffer: 'exp_avg' }),
    (s) => s.load([{ path: short, offset: 0, dtype: 'F32', buffer: 'weights', parameter: 0, replica: -1 }]),
    (s) => s.load([{ path: `${short}s`, offset: 0, dtype: 'F32', buffer: 'weights', parameter: 0, replica: -1 }]),
    (s) => s.load([{ path: short, offset: 0, dtype: 'U8', buffer: 'touched', parameter: 1, replica: -1 }]),
    (s) => s.write(join(folder, 'none', 'file'), '{}', []),
    (s) => s.write(join(folder, 'moments'), '{}', [{ buffer: 'exp_avg', parameter: 0, replica: 0 }]),
  ];
  const failures = [];
  for (const device of devices) {
    const session = open(device);
    const list: unknown[] = [];
    for (const call of calls)
      list.push(
        await call(session).then(
          () => 'done',
          (error: Error & { code?: string }) => `${error.code} ${error.message}`,
        ),
      );
    session.closeSync();
    failures.push(list);
  }
  assert.equal(failures[0]!.filter((failure) => failure === 'done').length, 1, 'all but initialize() fail');
  assert.deepEqual(failures[1], failures[0]);
});

/** The emulator's memory for sessions opened from here on, in bytes. */
function emulatedMemory(t: TestContext, bytes: number): void {
  process.env['LRDIST_EMULATED_MEMORY'] = `${bytes}`;
  t.after(() => delete process.env['LRDIST_EMULATED_MEMORY']);
}

test('as many replicas as fit() says train, and more are refused with the number that would', async (t) => {
  const model = { ...tinyModel, vocab: 2000, hidden: 64, intermediate: 256 };
  const run = async (replicas: number) => {
    const session = open({ ...devices[1], model, replicas });
    try {
      await fresh(1)({ session, slots: [] });
      const dataset = session.addDataset(tinyData());
      session.setPlan(tinyPlan(session));
      await session.train(tinySegment(dataset, 2, replicas), () => {});
    } finally {
      session.closeSync();
    }
  };
  emulatedMemory(t, 40e6);
  const session = open({ ...devices[1], model });
  const ask = { replicas: 1000, tokens: 64, rows: 16, slots: 0 };
  const fitting = await session.fit(ask);
  assert(fitting >= 4 && fitting < 40, `${fitting} replicas`);
  assert.equal(await session.fit({ ...ask, replicas: 2 }), 2);
  assert((await session.fit({ ...ask, slots: 2 })) < fitting, 'slots take room');
  assert((await session.fit({ ...ask, tokens: 640 })) < fitting, 'tokens take room');
  session.closeSync();
  const half = open({ ...devices[1], model, replicas: fitting >> 1 });
  for (const step of [fresh(1), ...floats(4, 100, -1)]) await step({ session: half, slots: [] });
  assert.equal(await half.fit(ask), fitting, 'what the session holds already counts as room');
  half.closeSync();
  await run(fitting);
  await assert.rejects(run(2 * fitting), { code: 'ERR_OUT_OF_MEMORY', message: /find no room.*use fewer replicas/ });
});

// Each step has four replays, two of them on the second queue, and results of earlier steps are still on their way.
test('a device that is lost in the middle of its work says so, and the process goes on', async (t) => {
  t.after(() => delete process.env['LRDIST_EMULATED_LOSS']);
  for (const replays of [1, 6, 7, 8, 9]) {
    process.env['LRDIST_EMULATED_LOSS'] = `${replays}`;
    const session = open({ ...devices[1], replicas: 4 });
    try {
      await fresh(1)({ session, slots: [] });
      const dataset = session.addDataset(tinyData());
      session.setPlan(tinyPlan(session));
      const lost = { code: 'ERR_DEVICE_LOST' };
      await assert.rejects(
        session.train(tinySegment(dataset, 6, 4), () => {}),
        lost,
      );
      await assert.rejects(session.evaluate({ head: 0, dataset, want: 'logits', batchTokens: 8 }), lost);
      await assert.rejects(session.read({ buffer: 'weights', parameter: 0, replica: 0 }), lost);
    } finally {
      session.closeSync();
    }
  }
});

test('replicas are dropped where there is no memory beside them, and a refused fork changes nothing', async (t) => {
  emulatedMemory(t, 1.3e6);
  const held: Held = { session: open({ ...devices[1], replicas: 4 }), slots: [] };
  for (const step of [fresh(1), ...floats(4, 100, 2), ...counts(8, 2)]) await step(held);
  const before = await everything(held);
  await assert.rejects(order(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1)(held), {
    code: 'ERR_OUT_OF_MEMORY',
    message: /use fewer replicas/,
  });
  assert.deepEqual(await everything(held), before);
  await order(2, 3)(held);
  const after = await everything(held);
  for (const [name, values] of after)
    assert.deepEqual(values, before.get(name.replace(/\d$/, (k) => `${Number(k) + 2}`)), name);
  held.session.closeSync();
});
