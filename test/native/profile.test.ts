// What a session records of its jobs: counted against the formulas, in its place, and without a trace in the numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NativeProfile, NativeProfileRow, NativeSession } from '../../lib/native/boundary.ts';
import { measurePeaks } from '../../lib/native/peaks.ts';
import { cpuOnly } from '../helpers/device.ts';
import { tinyData, tinyModel, tinySegment, tinySession, trainEndlessly } from '../helpers/native.ts';
import { refuses } from '../helpers/refuses.ts';

const { hidden: h, intermediate: i } = tinyModel;

async function profiled(
  session: NativeSession,
  dataset: number,
  { steps = 1, events = 10_000 } = {},
): Promise<NativeProfile> {
  session.startProfile({ events });
  await session.train(tinySegment(dataset, steps, session.replicas()), () => {});
  return session.takeProfile();
}

const sum = (rows: readonly NativeProfileRow[], field: 'count' | 'seconds' | 'flops' | 'bytes'): number =>
  rows.reduce((total, row) => total + row[field], 0);
const kernel = (profile: NativeProfile, name: string): NativeProfileRow[] =>
  profile.rows.filter((row) => row.kernel === name);

test('products count as many FLOPs as the model has', { skip: cpuOnly }, async () => {
  const { session, dataset } = await tinySession({ replicas: 2 });
  const profile = await profiled(session, dataset, { steps: 3 });
  // Two rows of four tokens: rounded up to 64; the rows whose first token is wanted, to 16.
  const [tokens, wanted] = [64, 16];
  const whole = 3 * h * h + h * h + 2 * h * i;
  const last = tokens * 2 * h * h + wanted * (2 * h * h + 2 * h * i);
  const pooler = wanted * h * h;
  const forward = 2 * (tokens * whole + last + pooler);
  const runs = 3 * 2;
  assert.equal(sum(kernel(profile, 'product forward'), 'flops'), runs * forward);
  assert.equal(sum(kernel(profile, 'product input gradient'), 'flops'), runs * forward);
  assert.equal(sum(kernel(profile, 'product weight gradient'), 'flops'), runs * forward);
  // The first layer's [T, H] x [H, 3H].
  const first = kernel(profile, 'product forward').find((row) => row.layer === 0 && row.columns === 3 * h)!;
  assert.equal(first.inner, h);
  assert.equal(first.count, runs);
  assert.equal(first.bytes, runs * 4 * (tokens * h + 3 * h * h + tokens * 3 * h));
  session.closeSync();
});

test('attention counts pairs of tokens, the optimizer what it moves', { skip: cpuOnly }, async () => {
  const { session, dataset } = await tinySession();
  const profile = await profiled(session, dataset);
  const pairs = 2 * (4 * 4 + 1 * 4);
  assert.equal(sum(kernel(profile, 'attention forward'), 'flops'), 4 * pairs * h);
  assert.equal(sum(kernel(profile, 'attention backward'), 'flops'), 10 * pairs * h);
  const unused = ['classifier.score.', 'cls.'];
  const untouched = tinyModel.vocab - new Set(tinyData().inputIds.subarray(0, 8)).size;
  const moved =
    session
      .parameters()
      .filter(({ name }) => !unused.some((prefix) => name.startsWith(prefix)))
      .reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0) -
    untouched * h;
  assert.equal(sum(kernel(profile, 'adam'), 'bytes'), 28 * moved);
  session.closeSync();
});

test('kernels lie in phases, phases in steps, steps in the job', { skip: cpuOnly }, async () => {
  const { session, dataset } = await tinySession({ replicas: 2 });
  const steps = 4;
  const profile = await profiled(session, dataset, { steps });
  const of = (phase: string): NativeProfileRow[] =>
    profile.rows.filter((row) => row.phase === phase && row.kernel === '');
  const [job] = profile.rows.filter((row) => row.phase === '' && row.kernel === '');
  assert.equal(job!.job, 'train');
  assert.equal(sum(of('step'), 'count'), steps);
  assert.deepEqual(
    of('layer backward').map(({ layer, count }) => [layer, count]),
    [
      [1, 2 * steps],
      [0, 2 * steps],
    ],
  );
  const kernels = profile.rows.filter((row) => row.kernel !== '');
  const phases = profile.rows.filter((row) => row.kernel === '' && row.phase !== '' && row.phase !== 'step');
  assert.ok(sum(kernels, 'seconds') <= sum(phases, 'seconds'));
  assert.ok(sum(of('step'), 'seconds') <= job!.seconds);
  for (const row of kernels) {
    const [phase] = of(row.phase).filter(({ layer }) => layer === row.layer);
    assert.ok(phase, `${row.kernel} is in no phase`);
    assert.ok(row.seconds <= sum(of(row.phase), 'seconds'), `${row.kernel} takes longer than ${row.phase}`);
  }
  const names = new Set(kernels.map((row) => row.kernel));
  for (const name of [
    'embeddings and norm',
    'dropout, residual and norm',
    'bias and gelu',
    'cross-entropy',
    'norm backward',
    'gelu backward',
    'column sums',
    'scatter add',
    'gradient norm and pull',
    'adam',
  ])
    assert.ok(names.has(name), `nothing was recorded for ${name}`);
  session.closeSync();
});

test('events are those of the rows, with step and replica, within one another', { skip: cpuOnly }, async () => {
  const { session, dataset } = await tinySession({ replicas: 2 });
  const { rows, events, dropped } = await profiled(session, dataset, { steps: 3 });
  assert.equal(dropped, 0);
  assert.equal(events.row.length, sum(rows, 'count'));
  for (const [r, row] of rows.entries()) {
    const seconds = events.duration.reduce((total, time, e) => total + (events.row[e] === r ? time / 1e6 : 0), 0);
    assert.ok(Math.abs(seconds - row.seconds) < 1e-9 * row.count + 1e-9, `${row.phase} ${row.kernel}`);
  }
  const ends = Array.from(events.start, (start, e) => start + events.duration[e]!);
  for (let e = 1; e < ends.length; e++) assert.ok(ends[e]! >= ends[e - 1]! - 1e-3);
  const adam = rows.findIndex((row) => row.kernel === 'adam');
  const places = Array.from(events.row).flatMap((row, e) =>
    row === adam ? [[events.step[e], events.replica[e]]] : [],
  );
  assert.deepEqual(places, [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
    [2, 0],
    [2, 1],
  ]);
  assert.deepEqual([events.step.at(-1), events.replica.at(-1)], [-1, -1]);
  session.closeSync();
});

test('the newest events are kept, the sums are whole', { skip: cpuOnly }, async () => {
  // Each of a new session: a second run has rows of the word embedding that the first one touched.
  const ofTwoSteps = async (events?: number): Promise<NativeProfile> => {
    const { session, dataset } = await tinySession();
    const profile = await profiled(session, dataset, { steps: 2, ...(events === undefined ? {} : { events }) });
    session.closeSync();
    return profile;
  };
  const all = await ofTwoSteps();
  const few = await ofTwoSteps(7);
  assert.equal(few.events.row.length, 7);
  assert.equal(few.dropped, all.events.row.length - 7);
  assert.equal(few.rows[few.events.row.at(-1)!]!.job, 'train');
  // After the last step come the rows of the word embedding that waited: a kernel and its phase.
  const phases = Array.from(few.events.row.subarray(-4), (row) => few.rows[row]!.phase);
  assert.deepEqual(phases, ['step', 'optimizer', 'optimizer', '']);
  assert.equal(sum(few.rows, 'count'), sum(all.rows, 'count'));
  const none = await ofTwoSteps(0);
  assert.equal(none.events.row.length, 0);
  assert.equal(sum(none.rows, 'count'), sum(all.rows, 'count'));
});

test('evaluations and gradients are jobs of their own', async () => {
  const { session, dataset } = await tinySession();
  session.startProfile({ events: 0 });
  await session.evaluate({ head: 0, dataset, want: 'logits', batchTokens: 64 });
  await session.gradient({ head: 0, dataset, rows: Int32Array.of(0, 1), loss: 'cross-entropy', batchTokens: 64 });
  await session.fisher({ head: 0, dataset, rows: Int32Array.of(0), loss: 'cross-entropy', labels: 'data' });
  const { rows } = session.takeProfile();
  assert.deepEqual([...new Set(rows.map((row) => row.job))].sort(), ['evaluate', 'fisher', 'gradient']);
  session.closeSync();
});

test('recording changes no bit, and nothing is recorded before or after', async () => {
  const weights = async (record: boolean): Promise<Float32Array[]> => {
    const { session, dataset } = await tinySession({ replicas: 2 });
    if (record) session.startProfile({ events: 100 });
    const { losses } = await session.train(tinySegment(dataset, 5, 2), () => {});
    if (record) session.takeProfile();
    const logits = await session.evaluate({ head: 0, dataset, want: 'logits', batchTokens: 64 });
    session.closeSync();
    return [losses, logits];
  };
  assert.deepEqual(await weights(true), await weights(false));
  const { session, dataset } = await tinySession();
  const once = await profiled(session, dataset);
  const again = await profiled(session, dataset);
  assert.equal(sum(again.rows, 'count'), sum(once.rows, 'count'));
  session.closeSync();
});

test('wrong calls', async () => {
  const { session, dataset } = await tinySession();
  const invalid = { code: 'ERR_INVALID_OPTION' };
  assert.throws(() => session.takeProfile(), { ...invalid, message: /startProfile comes first/ });
  assert.throws(() => session.startProfile({ events: -1 }), { ...invalid, message: /^options\.events/ });
  assert.throws(() => session.startProfile({ events: 1e9 }), { ...invalid, message: /^options\.events/ });
  await refuses(
    { shapes: Int32Array.of(4, 4, 4), precision: 'fp32', rounds: 1 },
    [
      [/^peaks\.shapes: expected three numbers/, { shapes: Int32Array.of(1, 2) }],
      [/^peaks\.shapes: expected sizes/, { shapes: Int32Array.of(0, 2, 2) }],
      [/^peaks\.precision: /, { precision: 'fp8' }],
      [/^peaks\.rounds: /, { rounds: 0 }],
    ],
    (peaks) => session.measurePeaks(peaks),
  );
  const { running, result } = trainEndlessly(session, dataset);
  await running;
  assert.throws(() => session.startProfile({ events: 1 }), { code: 'ERR_BUSY' });
  session.requestStop();
  await result;
  session.closeSync();
});

test('peaks of products and of memory', async () => {
  const shapes = [
    { m: 64, n: 32, k: 16 },
    { m: 16, n: 16, k: 16 },
  ];
  const { products, copyBytesPerSecond, threads, precision } = await measurePeaks({ shapes, threads: 1, rounds: 2 });
  assert.deepEqual([threads, precision], [1, 'fp32']);
  assert.deepEqual(
    products.map(({ m, n, k }) => ({ m, n, k })),
    shapes,
  );
  for (const product of products)
    for (const { best, byLibrary } of [product.forward, product.inputGradient, product.weightGradient]) {
      assert.ok(byLibrary['mkl']! > 0);
      assert.equal(best, Math.max(...Object.values(byLibrary).filter((rate) => !Number.isNaN(rate))));
    }
  assert.ok(copyBytesPerSecond > 0);
});

test('a measurement of peaks can be stopped', async () => {
  const reason = new Error('enough');
  const shapes = [{ m: 4096, n: 4096, k: 1024 }];
  const signal = AbortSignal.timeout(30);
  await assert.rejects(measurePeaks({ shapes, threads: 1, rounds: 1000, signal }), { name: 'TimeoutError' });
  await assert.rejects(measurePeaks({ shapes, threads: 1, signal: AbortSignal.abort(reason) }), reason);
});
