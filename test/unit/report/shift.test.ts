import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarize } from '../../../lib/forgetting/summary.ts';
import { pairScores } from '../../../lib/forgetting/scores.ts';
import { flat } from '../../../lib/rates/distribution.ts';
import { toDocument } from '../../../lib/rates/file.ts';
import { shiftReading } from '../../../lib/report/shift-reading.ts';
import type { RunRecord, ShiftRecord } from '../../../lib/report/shift-record.ts';
import { shiftTable } from '../../../lib/report/shift.ts';

const metrics = [
  { task: 'qnli', metric: 'accuracy', chance: 0.5 },
  { task: 'sst2', metric: 'accuracy', chance: 0.5 },
] as const;

/** Scores [before, p_s, p_o] by distribution and seed. */
function record(scores: Readonly<Record<string, readonly (readonly [number, number, number])[]>>): ShiftRecord {
  const names = Object.keys(scores);
  const seeds = scores[names[0]!]!.map((_, i) => i + 1);
  const runs = names.flatMap((distribution) =>
    scores[distribution]!.map(
      ([before, p_s, p_o], i): RunRecord => ({
        distribution,
        seed: seeds[i]!,
        state: 'complete',
        ...pairScores(metrics, before, p_s, p_o),
        final_losses: [null, null],
      }),
    ),
  );
  return {
    format: 'lrdist-shift/1',
    created: '2020-01-01T00:00:00.000Z',
    versions: {},
    machine: {},
    mode: 'keep',
    model: 'bert',
    session: {},
    tasks: [
      { ...metrics[0], train_rows: 10, rows: 200 },
      { ...metrics[1], train_rows: 10, rows: 300 },
    ],
    split: 'validation',
    objective: 'sum',
    first_stage: { rates: toDocument(flat(1e-4)) },
    distributions: names.map(() => toDocument(flat(1e-4))),
    training: { first: {}, second: {}, moments: 'fresh' },
    seeds,
    runs,
    summary: summarize(names, seeds, runs),
    notes: ['a note'],
    train_tokens: 1,
    seconds: 1,
  };
}

const three = record({
  flat: [
    [0.8, 0.7, 0.6],
    [0.8, 0.72, 0.62],
    [0.8, 0.71, 0.61],
  ],
  slow: [
    [0.8, 0.69, 0.7],
    [0.8, 0.73, 0.73],
    [0.8, 0.7, 0.72],
  ],
});

test('the table has scores in points, differences with intervals, and the notes', () => {
  const text = shiftTable(three);
  assert.match(text, /^qnli \(accuracy\), then sst2 \(accuracy\); keep mode: first stage by flat@1e-4/);
  assert.match(text, /200 and 300 rows/);
  assert.match(text, /flat +80\.0 ± 0\.0 +71\.0 ± 1\.0 +61\.0 ± 1\.0 +19\.0 ± 1\.0 +132\.0 ± 2\.0/);
  assert.match(text, /Difference to flat, paired by seed/);
  assert.match(text, /slow +0\.0 \[0\.0, 0\.0\] +-0\.3 \[-3\.2, \+2\.5\] +\+10\.7 \[\+9\.2, \+12\.1\]/);
  assert.match(text, /Note: a note/);
});

test('the reading claims what the intervals allow, and nothing where they cover 0', () => {
  const text = shiftReading(three);
  assert.match(text, /With flat, qnli goes from 80\.0 to 61\.0 while sst2 is learned to 71\.0 \(means of 3 seeds\)/);
  assert.match(text, /qnli kept 10\.7 points better \(95 % interval 9\.2 to 12\.1\)/);
  assert.match(text, /no difference can be claimed in sst2 learned/);
  assert.doesNotMatch(text, /sst2 learned [\d.]+ points/);
});

test('a loss is called worse', () => {
  const text = shiftReading(
    record({
      flat: [
        [0.8, 0.7, 0.7],
        [0.8, 0.7, 0.71],
      ],
      fast: [
        [0.8, 0.5, 0.7],
        [0.8, 0.501, 0.71],
      ],
    }),
  );
  assert.match(text, /sst2 learned 19\.\d points worse \(95 % interval 1[89]\.\d to \d/);
  assert.match(text, /no difference can be claimed in qnli kept/);
});

test('one seed: scores without deviation, and no comparison', () => {
  const one = record({ flat: [[0.8, 0.7, 0.6]], slow: [[0.8, 0.7, 0.7]] });
  assert.match(shiftTable(one), /flat +80\.0 +70\.0 +60\.0/);
  assert.match(shiftReading(one), /slow ran under one seed, so nothing can be said/);
});

test('a distribution that never finished is not compared', () => {
  const broken = record({
    flat: [
      [0.8, 0.7, 0.6],
      [0.8, 0.7, 0.6],
    ],
    wild: [
      [NaN, NaN, NaN],
      [NaN, NaN, NaN],
    ],
  });
  assert.match(shiftTable(broken), /wild +- +- +- +- +-/);
  assert.match(shiftReading(broken), /wild cannot be compared/);
});
