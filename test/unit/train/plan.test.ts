import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { batchesOf, countSteps, epochAt, nextPause, rowsSeen } from '../../../lib/train/plan.ts';

// Expected values from transformers' Trainer (Trainer.set_initial_training_values and its loop), worked out by hand:
// batches = ceil(rows / batch), steps per epoch = max(ceil(batches / accumulation), 1), total = ceil(epochs x steps per epoch).
test('steps as a Trainer counts them', () => {
  const steps = (rows: number, batchSize: number, accumulation: number, epochs: number, maxSteps = -1): number[] => {
    const counts = countSteps({ rows, batchSize, accumulation, epochs, maxSteps });
    return [counts.batchesPerEpoch, counts.stepsPerEpoch, counts.total, counts.epochs];
  };
  assert.deepEqual(steps(3668, 32, 1, 3), [115, 115, 345, 3]);
  assert.deepEqual(steps(3668, 8, 1, 3), [459, 459, 1377, 3]);
  assert.deepEqual(steps(3668, 8, 4, 3), [459, 115, 345, 3]);
  assert.deepEqual(steps(10, 4, 4, 1), [3, 1, 1, 1]);
  assert.deepEqual(steps(10, 4, 1, 2.5), [3, 3, 8, 3]);
  assert.deepEqual(steps(10, 4, 1, 3, 4), [3, 3, 4, 2]);
  assert.deepEqual(steps(10, 4, 1, 0.1), [3, 3, 1, 1]);
});

const setting = fc.record({
  rows: fc.integer({ min: 1, max: 60 }),
  batchSize: fc.integer({ min: 1, max: 9 }),
  accumulation: fc.integer({ min: 1, max: 4 }),
  epochs: fc.double({ min: 0.1, max: 3, noNaN: true }),
  maxSteps: fc.constant(-1),
});

test('every epoch sees every row once, in an order of its own', () => {
  fc.assert(
    fc.property(setting, fc.integer({ min: 0, max: 1000 }), (options, seed) => {
      const counts = countSteps({ ...options, epochs: 2 });
      const all = batchesOf(counts, seed, 0, counts.total);
      const perEpoch = counts.rows;
      assert.equal(all.rows.length, 2 * perEpoch);
      for (const epoch of [0, 1])
        assert.deepEqual(
          [...all.rows.slice(epoch * perEpoch, (epoch + 1) * perEpoch)].sort((a, b) => a - b),
          Array.from({ length: perEpoch }, (_, i) => i),
        );
      assert.equal(rowsSeen(counts, counts.total), all.rows.length);
    }),
  );
  const counts = countSteps({ rows: 50, batchSize: 8, accumulation: 1, epochs: 2, maxSteps: -1 });
  const { rows } = batchesOf(counts, 1, 0, counts.total);
  assert.notDeepEqual(rows.slice(0, 50), rows.slice(50));
  assert.notDeepEqual(rows, batchesOf(counts, 2, 0, counts.total).rows);
});

test('cutting a run into segments changes nothing', () => {
  fc.assert(
    fc.property(setting, fc.integer({ min: 0, max: 50 }), (options, at) => {
      const counts = countSteps(options);
      const cut = Math.min(at, counts.total);
      const [whole, first, second] = [
        batchesOf(counts, 3, 0, counts.total),
        batchesOf(counts, 3, 0, cut),
        batchesOf(counts, 3, cut, counts.total),
      ];
      assert.deepEqual([...whole.rows], [...first.rows, ...second.rows]);
      assert.deepEqual([...whole.weights], [...first.weights, ...second.weights]);
      assert.deepEqual([...whole.batchStep], [...first.batchStep, ...second.batchStep.map((step) => step + cut)]);
    }),
  );
});

test("a step's weights sum to one and follow the rows", () => {
  fc.assert(
    fc.property(setting, (options) => {
      const counts = countSteps(options);
      const { batchStep, weights, rowOffsets } = batchesOf(counts, 0, 0, counts.total);
      for (let step = 0; step < counts.total; step++) {
        const batches = [...batchStep.keys()].filter((b) => batchStep[b] === step);
        assert.ok(batches.length > 0);
        const rows = batches.map((b) => rowOffsets[b + 1]! - rowOffsets[b]!);
        const total = rows.reduce((a, b) => a + b);
        for (const [i, b] of batches.entries()) assert.equal(weights[b], rows[i]! / total);
      }
    }),
  );
});

test('accumulation takes the same rows as one larger batch', () => {
  const options = { rows: 37, epochs: 2, maxSteps: -1 };
  const small = countSteps({ ...options, batchSize: 4, accumulation: 3 });
  const large = countSteps({ ...options, batchSize: 12, accumulation: 1 });
  assert.equal(small.total, large.total);
  for (let step = 0; step < small.total; step++)
    assert.deepEqual(batchesOf(small, 5, step, step + 1).rows, batchesOf(large, 5, step, step + 1).rows);
});

test('epochs of steps', () => {
  const counts = countSteps({ rows: 10, batchSize: 4, accumulation: 1, epochs: 3, maxSteps: -1 });
  assert.deepEqual(
    [0, 1, 3, 6, 9].map((step) => epochAt(counts, step)),
    [0, 1 / 3, 1, 2, 3],
  );
  const accumulated = countSteps({ rows: 3668, batchSize: 8, accumulation: 4, epochs: 3, maxSteps: -1 });
  assert.equal(epochAt(accumulated, 50), 200 / 459);
  assert.equal(epochAt(accumulated, 115), 1);
});

test('pauses come at epoch ends, multiples, listed steps and the end', () => {
  const counts = countSteps({ rows: 10, batchSize: 1, accumulation: 1, epochs: 2, maxSteps: -1 });
  const pauses: number[] = [];
  for (let step = 0; step < counts.total; ) {
    step = nextPause(counts, step, [7, 0], [3]);
    pauses.push(step);
  }
  assert.deepEqual(pauses, [3, 7, 10, 14, 20]);
});
