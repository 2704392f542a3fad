import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NativeProfile, NativeProfileRow } from '../../../lib/native/boundary.ts';
import { onPhase, phase, type Phase } from '../../../lib/phase.ts';
import { profileTables } from '../../../lib/cli/training/profile.ts';
import { profileReport } from '../../../lib/train/profile-report.ts';
import { chromeTrace } from '../../../lib/train/profile-trace.ts';

const row = (change: Partial<NativeProfileRow>): NativeProfileRow => ({
  ...{ job: 'train', phase: '', layer: -1, kernel: '', columns: 0, inner: 0 },
  ...{ count: 1, seconds: 0, flops: 0, bytes: 0 },
  ...change,
});

const rows = [
  row({ phase: 'layer forward', layer: 0, kernel: 'product', columns: 8, inner: 4, count: 2, seconds: 2, flops: 6e9 }),
  row({ phase: 'layer forward', layer: 1, kernel: 'product', columns: 8, inner: 4, count: 2, seconds: 1, flops: 6e9 }),
  row({ phase: 'layer forward', layer: 0, seconds: 2.5, count: 2 }),
  row({ phase: 'layer forward', layer: 1, seconds: 1.5, count: 2 }),
  row({ phase: 'optimizer', kernel: 'adam', count: 2, seconds: 4, bytes: 8e9 }),
  row({ phase: 'optimizer', count: 2, seconds: 4 }),
  row({ phase: 'step', count: 2, seconds: 9 }),
  row({ seconds: 10 }),
];

const engine: NativeProfile = {
  rows,
  events: {
    start: Float64Array.of(1500, 1000, 0),
    duration: Float64Array.of(250, 1000, 9000),
    row: Int32Array.of(0, 2, 7),
    step: Int32Array.of(3, 3, -1),
    replica: Int32Array.of(1, 1, -1),
    matrixRows: Int32Array.of(64, 0, 0),
  },
  dropped: 0,
};

test('totals by phase and by kernel add up to the job', () => {
  const report = profileReport({ engine, phases: [] });
  assert.equal(report.steps, 2);
  assert.equal(report.seconds_per_step, 4.5);
  assert.deepEqual(
    report.phases.map(({ phase: name, seconds, share, gflops_per_second: rate }) => [name, seconds, share, rate]),
    [
      ['layer forward', 4, 0.4, 3],
      ['optimizer', 4, 0.4, null],
      ['other', 2, 0.2, null],
    ],
  );
  assert.deepEqual(
    report.kernels.map(({ kernel, count, seconds, gb_per_second: rate }) => [kernel, count, seconds, rate]),
    [
      ['adam', 2, 4, 2],
      ['product', 4, 3, null],
      ['other', 1, 3, null],
    ],
  );
  assert.deepEqual(
    report.details.map(({ layer, shape, gflops_per_second: rate }) => [layer, shape, rate]),
    [
      [0, '8x4', 3],
      [1, '8x4', 6],
      [null, null, null],
    ],
  );
  const tables = profileTables(report);
  assert.match(tables, /^profile of 2 steps, 4500\.0 ms each$/m);
  assert.match(tables, /^adam +40\.0 % +2000\.00 +2\.0$/m);
});

test('without an engine there are phases of the process alone', () => {
  const phases = [
    { name: 'reading', start: 0, end: 500 },
    { name: 'reading', start: 600, end: 700 },
  ];
  const report = profileReport({ engine: undefined, phases });
  assert.deepEqual([report.steps, report.jobs, report.kernels], [0, [], []]);
  assert.deepEqual(report.process, [{ phase: 'reading', count: 2, seconds: 0.6 }]);
});

interface Span {
  readonly name: string;
  readonly ph: string;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args?: object;
}

const spansOf = (text: string): Span[] =>
  (JSON.parse(text) as { traceEvents: Span[] }).traceEvents.filter(({ ph }) => ph === 'X');

test('the trace has the engine on the clock of the process', () => {
  const [product] = spansOf(chromeTrace({ start: 100, phases: [], engine, engineStart: 102 }));
  assert.deepEqual(product, {
    ...{ name: 'product', cat: 'kernel', ph: 'X', pid: 1, tid: 1, ts: 3500, dur: 250 },
    args: { step: 3, replica: 1, layer: 0, rows: 64, columns: 8, inner: 4 },
  });
});

test('events of a thread lie within one another or apart', () => {
  const phases = fc.array(
    fc.tuple(fc.nat(50), fc.nat(50)).map(([start, length]): Phase => ({ name: 'p', start, end: start + length + 1 })),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(phases, (list) => {
      const spans = spansOf(chromeTrace({ start: 0, phases: list, engine: undefined, engineStart: Number.NaN }));
      assert.equal(spans.length, list.length);
      for (const a of spans)
        for (const b of spans) {
          if (a === b || a.tid !== b.tid || a.ts > b.ts) continue;
          const apart = a.ts + a.dur <= b.ts;
          const within = b.ts + b.dur <= a.ts + a.dur || (a.ts === b.ts && a.dur <= b.dur);
          assert.ok(apart || within, JSON.stringify([a, b]));
        }
    }),
  );
});

test('a phase is told when it ends, also by an error, and only while somebody listens', async () => {
  const heard: Phase[] = [];
  const leave = onPhase((one) => heard.push(one));
  assert.equal(await phase('good', async () => 7), 7);
  await assert.rejects(
    phase('bad', () => Promise.reject(new Error('no'))),
    /no/,
  );
  leave();
  await phase('unheard', async () => undefined);
  assert.deepEqual(
    heard.map(({ name }) => name),
    ['good', 'bad'],
  );
  assert.ok(heard.every(({ start, end }) => end >= start));
});
