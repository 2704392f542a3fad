import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hypervolume, hypervolumeSubset } from '../../../../lib/search/hypervolume.ts';
import { fixture } from './fixture.ts';

const point = (objectives: number) =>
  fc.array(fc.integer({ min: 0, max: 8 }), { minLength: objectives, maxLength: objectives });
const points = fc
  .integer({ min: 2, max: 4 })
  .chain((objectives) => fc.array(point(objectives), { minLength: 1, maxLength: 12 }));

test('the volumes that Optuna computes', () => {
  for (const { points, reference, volume } of fixture<{ points: number[][]; reference: number[]; volume: number }[]>(
    'hypervolume',
  ))
    assert.ok(
      Math.abs(hypervolume(points, reference) - volume) < 1e-12,
      `${points.length} points, ${reference.length} objectives`,
    );
});

test('on integers: the number of unit cells that a point dominates', () => {
  fc.assert(
    fc.property(points, (points) => {
      const reference = points[0]!.map(() => 8);
      const cells = reference.reduce<number[][]>(
        (cells) => cells.flatMap((cell) => Array.from({ length: 8 }, (_, i) => [...cell, i])),
        [[]],
      );
      const dominated = cells.filter((cell) => points.some((point) => point.every((loss, i) => loss <= cell[i]!)));
      assert.equal(hypervolume(points, reference), dominated.length);
    }),
    { numRuns: 60 },
  );
});

test('points beyond the reference add nothing', () => {
  assert.equal(
    hypervolume(
      [
        [0, 2],
        [3, 0.5],
      ],
      [2, 2],
    ),
    0,
  );
  assert.equal(hypervolume([], [1, 1]), 0);
  assert.equal(hypervolume([[0.25]], [1]), 0.75);
});

test('a subset is chosen greedily, without repeats, however points are scaled', () => {
  fc.assert(
    fc.property(points, fc.nat(12), (points, count) => {
      const chosen = hypervolumeSubset(points, count);
      assert.equal(chosen.length, Math.min(count, points.length));
      assert.equal(new Set(chosen).size, chosen.length);
      assert.deepEqual(
        hypervolumeSubset(
          points.map((losses) => losses.map((loss, k) => 2 ** k * loss - 5)),
          count,
        ),
        chosen,
      );
      // Greedy by definition: no other point would have added more.
      const low = points[0]!.map((_, k) => Math.min(...points.map((losses) => losses[k]!)));
      const width = low.map((from, k) => Math.max(...points.map((losses) => losses[k]!)) - from || 1);
      const scaled = points.map((losses) => losses.map((loss, k) => (loss - low[k]!) / width[k]!));
      const volumeOf = (indices: number[]) =>
        hypervolume(
          indices.map((i) => scaled[i]!),
          low.map(() => 1.1),
        );
      chosen.forEach((index, at) => {
        const before = chosen.slice(0, at);
        const best = Math.max(...points.map((_, i) => volumeOf([...before, i])));
        assert.ok(volumeOf([...before, index]) >= best - 1e-12);
      });
    }),
    { numRuns: 100 },
  );
});
