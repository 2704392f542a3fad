import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goals, type Goal } from '../../../bench/lib/goals.ts';
import type { Result } from '../../../bench/lib/results.ts';
import { between, goalTable, type StoredResult } from '../../../bench/lib/table.ts';

const spread = (median: number) => ({ median, least: median - 0.1, most: median + 0.1 });

function stored(
  variant: string,
  details: Record<string, unknown>,
  { date = '2026-01-01', machine = 'amd-2' } = {},
): StoredResult {
  const result: Result = {
    ...{ case: 'step', variant, date, headline: '', commands: {}, seeds: [], versions: {} },
    machine: { name: machine, processor: 'AMD', cores: 2, memoryBytes: 1, system: 'linux' },
    ...details,
  };
  return { file: `step-${variant}-${machine}-${date}.json`, result };
}

const goal: Goal = {
  work: 'a step',
  measure: 'Trainer',
  files: ['step-a', 'step-b'],
  figure: 'ratios.grouped',
  goal: 2,
  sense: 'at least',
  unit: 'x',
};
const lines = (one: Goal, results: readonly StoredResult[]): string[] =>
  goalTable([one], results, '../results/').split('\n').slice(2);

test('a goal has the newest result of its file, with its spread and whether it is reached', () => {
  const results = [
    stored('a', { ratios: { grouped: spread(2.5) } }),
    stored('a', { ratios: { grouped: spread(1.5) } }, { date: '2026-01-02' }),
    stored('other', { ratios: { grouped: spread(9) } }),
  ];
  assert.deepEqual(lines(goal, results), [
    '| a step | Trainer | ≥ 2.00 × | **1.50 ×** (1.40 × to 1.60 ×) | no | [amd-2](../results/step-a-amd-2-2026-01-02.json), 2026-01-02 |',
  ]);
});

test('of several files the best counts, on each machine', () => {
  const results = [
    stored('a', { ratios: { grouped: spread(1.5) } }),
    stored('b', { ratios: { grouped: spread(2.5) } }),
    stored('b', { ratios: { grouped: spread(1) } }, { machine: 'intel-4' }),
  ];
  assert.deepEqual(
    lines(goal, results).map((line) => line.split(' | ').slice(3, 5)),
    [
      ['**2.50 ×** (2.40 × to 2.60 ×)', 'yes'],
      ['**1.00 ×** (0.90 × to 1.10 ×)', 'no'],
    ],
  );
  const least: Goal = { ...goal, sense: 'at most', goal: 0.6, unit: '%' };
  assert.match(lines(least, results)[0]!, /≤ 60 % \| \*\*150 %\*\*.*\| no \|/);
});

test('a goal without a result is not hidden', () => {
  assert.deepEqual(lines(goal, []), ['| a step | Trainer | ≥ 2.00 × | not measured | | |']);
  assert.deepEqual(lines(goal, [stored('a', { ratios: {} })]), lines(goal, []));
});

test('text between the markers is replaced and the rest stays', () => {
  assert.equal(between('a <1>\nold\n<2> b', '<1>', '<2>', 'new'), 'a <1>\nnew\n<2> b');
  assert.throws(() => between('a <2> <1>', '<1>', '<2>', 'new'), /markers/);
});

test('every goal is of its own', () => {
  const keys = goals.map(({ work, measure, figure }) => `${work} ${measure} ${figure}`);
  assert.equal(new Set(keys).size, goals.length);
});
