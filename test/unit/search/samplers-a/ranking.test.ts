import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rankTrials } from '../../../../lib/search/samplers/ranking.ts';
import type { Trial } from '../../../../lib/search/trial.ts';
import { trial } from '../../../helpers/trial.ts';

function numbersOf(
  trials: readonly Omit<Partial<Trial>, 'number'>[],
  ...directions: ('maximize' | 'minimize')[]
): number[][] {
  const numbered = trials.map((given, number) => trial({ parameters: {}, ...given, number }));
  return rankTrials(numbered, directions).map((front) => front.map((ranked) => ranked.trial.number));
}

const pruned = (step: number, ...values: number[]): Partial<Trial> => ({
  state: 'pruned',
  values,
  reports: [{ step, values }],
});

test('complete ones by value, then pruned ones by how far they went and by value', () => {
  const trials = [{ values: [0.2] }, pruned(1, 0.9), pruned(2, 0.1), { values: [0.5] }, pruned(2, 0.3)];
  assert.deepEqual(numbersOf(trials, 'maximize'), [[3], [0], [4], [2], [1]]);
  assert.deepEqual(numbersOf(trials, 'minimize'), [[0], [3], [2], [4], [1]]);
});

test('broken constraints come after all that keep theirs, the least broken first', () => {
  const trials = [
    { values: [9], constraints: [0.5, 1] },
    { values: [1], constraints: [-3, 0] },
    { values: [8], constraints: [-2, 0.4] },
    pruned(1, 0),
    { values: [7], constraints: [NaN] },
  ];
  assert.deepEqual(numbersOf(trials, 'maximize'), [[1], [3], [2], [0], [4]]);
});

test('what has no finite values is last, and what failed or goes on is not ranked', () => {
  const trials: Partial<Trial>[] = [
    { values: [NaN] },
    { values: [Infinity] },
    { state: 'pruned', values: null },
    { values: [3] },
    { state: 'failed', values: null },
    { state: 'running', values: null },
    { state: 'waiting', values: null },
  ];
  assert.deepEqual(numbersOf(trials, 'maximize'), [[3], [0, 1, 2]]);
});

test('several objectives: fronts within each kind', () => {
  const trials = [{ values: [1, 1] }, { values: [2, 0] }, { values: [2, 2] }, pruned(3, 9, -9), { values: [3, 3] }];
  assert.deepEqual(numbersOf(trials, 'maximize', 'minimize'), [[1, 4], [0, 2], [3]]);
});
