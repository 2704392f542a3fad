import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  averageAccuracy,
  backwardTransfer,
  forgetting,
  forwardTransfer,
  intransigence,
} from '../../../lib/metrics/continual.ts';

// Stage by task; worked out by hand.
const R = [
  [0.9, 0.4, 0.5],
  [0.7, 0.8, 0.6],
  [0.8, 0.85, 0.75],
];
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} instead of ${expected}`);

test('a sequence of three tasks', () => {
  near(averageAccuracy(R), (0.8 + 0.85 + 0.75) / 3);
  near(backwardTransfer(R), (-0.1 + 0.05) / 2);
  near(forwardTransfer(R, [0.5, 0.5, 0.25]), (-0.1 + 0.35) / 2);
  near(intransigence(R, [0.9, 0.9, 0.9]), (0 + 0.1 + 0.15) / 3);
});

test('both conventions of forgetting: a task that got better at the end counts, or not', () => {
  near(forgetting(R), (0.1 - 0.05) / 2);
  near(forgetting(R, 'nonNegative'), (0.1 + 0) / 2);
});

test('for two tasks forgetting is the negative of BWT', () => {
  for (const kept of [0.7, 0.95]) {
    const two = [
      [0.9, 0.5],
      [kept, 0.8],
    ];
    near(forgetting(two), 0.9 - kept);
    near(backwardTransfer(two), kept - 0.9);
    near(forgetting(two, 'nonNegative'), Math.max(0, 0.9 - kept));
  }
});

test('matrices that are too small or not square are refused', () => {
  assert.throws(() => backwardTransfer([[1]]), /at least 2 tasks/);
  assert.throws(() => forgetting([[1, 2], [1]]), /stage 1 has 1 scores for 2 tasks/);
  assert.throws(() => forwardTransfer(R, [0.5]), /1 baseline scores for 3 tasks/);
  assert.throws(() => intransigence(R, [0.5]), /1 joint scores/);
});
