import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crowdingDistance, dominates, nonDominatedSort, toLosses } from '../../../../lib/search/pareto.ts';

const points = fc.integer({ min: 1, max: 4 }).chain((objectives) =>
  fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: objectives, maxLength: objectives }), {
    maxLength: 30,
  }),
);

test('losses: what is maximised changes its sign', () => {
  assert.deepEqual(toLosses([0.9, 3], ['maximize', 'minimize']), [-0.9, 3]);
});

test('domination needs one objective that is better, and none that is worse', () => {
  assert.ok(dominates([1, 2], [1, 3]));
  assert.ok(!dominates([1, 2], [1, 2]));
  assert.ok(!dominates([1, 3], [2, 2]));
});

test('fronts: each point once, none dominated in its front, all but the first dominated by the front before', () => {
  fc.assert(
    fc.property(points, (points) => {
      const fronts = nonDominatedSort(points);
      assert.deepEqual(
        fronts.flat().sort((a, b) => a - b),
        points.map((_, i) => i),
      );
      fronts.forEach((front, rank) => {
        assert.deepEqual(
          front,
          front.toSorted((a, b) => a - b),
        );
        for (const i of front) {
          assert.ok(!front.some((j) => dominates(points[j]!, points[i]!)));
          if (rank > 0) assert.ok(fronts[rank - 1]!.some((j) => dominates(points[j]!, points[i]!)));
        }
      });
    }),
  );
});

test('fronts do not depend on the order of the points', () => {
  fc.assert(
    fc.property(points, (points) => {
      const ranks = (list: number[][]) =>
        nonDominatedSort(list).map((front) => front.map((i) => list[i]!.join()).sort());
      assert.deepEqual(ranks(points.toReversed()), ranks(points));
    }),
  );
});

test('crowding: ends are infinitely far, others have the gap between their neighbours', () => {
  assert.deepEqual(
    crowdingDistance([
      [0, 10],
      [4, 1],
      [1, 4],
      [10, 0],
    ]),
    [Infinity, 9 / 10 + 4 / 10, 4 / 10 + 9 / 10, Infinity],
  );
  assert.deepEqual(crowdingDistance([[3, 3]]), [Infinity]);
  assert.deepEqual(crowdingDistance([]), []);
  assert.ok(
    crowdingDistance([
      [1, 1],
      [1, 1],
      [1, 1],
    ]).every((distance) => !Number.isNaN(distance)),
  );
});
