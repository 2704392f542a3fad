import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseBest, keepsShare, paretoFront, scoresBySeed } from '../../../../lib/search/best.ts';

const reference = { 1: 0.8, 2: 0.7, 3: 0.75, 4: 0.72 };

test('steady gains win against one lucky seed with a higher mean', () => {
  const steady = { trial: 1, scores: { 1: 0.82, 2: 0.725, 3: 0.77, 4: 0.74 } };
  const lucky = { trial: 2, scores: { 1: 0.8, 2: 0.7, 3: 0.75, 4: 0.9 } };
  const { best, better, ranking } = chooseBest([lucky, steady], { direction: 'maximize', reference });
  assert.equal(best?.trial, 1);
  assert.equal(better, true);
  assert.deepEqual(
    ranking.map(({ trial }) => trial),
    [1, 2],
  );
  assert.ok(ranking[1]!.difference > ranking[0]!.difference && ranking[1]!.low < 0);
});

test("the interval is Student's, paired by seed", () => {
  // SciPy: ttest_rel([0.82, 0.725, 0.77, 0.74], [0.8, 0.7, 0.75, 0.72]).confidence_interval(0.95)
  const scores = { 4: 0.74, 3: 0.77, 2: 0.725, 1: 0.82, 9: 0 };
  const { best } = chooseBest([{ trial: 'a', scores }], { direction: 'maximize', reference });
  assert.deepEqual([best?.seeds, best?.difference.toFixed(6)], [4, '0.021250']);
  assert.ok(
    Math.abs(best!.low - 0.017271942) < 1e-6 && Math.abs(best!.high - 0.025228058) < 1e-6,
    `${best?.low} ${best?.high}`,
  );
});

test('few seeds are never chosen, however good they look', () => {
  const few = { trial: 1, scores: { 1: 9, 2: 9 } };
  const none = { trial: 2, scores: { 7: 9 } };
  const { best, better, ranking } = chooseBest([none, few], { direction: 'maximize', reference });
  assert.deepEqual([best, better], [undefined, false]);
  assert.deepEqual(
    ranking.map(({ trial }) => trial),
    [1, 2],
  );
  const worse = { trial: 3, scores: [0, 0.7, 0.6, 0.65, 0.62] };
  const choice = chooseBest([few, worse], { direction: 'maximize', reference });
  assert.deepEqual([choice.best?.trial, choice.better], [3, false]);
  assert.equal(chooseBest([few], { direction: 'maximize', reference, minSeeds: 2 }).best?.trial, 1);
});

test('minimising, the upper bound decides', () => {
  const lower = { trial: 1, scores: { 1: 0.75, 2: 0.65, 3: 0.7, 4: 0.68 } };
  const higher = { trial: 2, scores: { 1: 0.9, 2: 0.8, 3: 0.85, 4: 0.82 } };
  const { best, better } = chooseBest([higher, lower], { direction: 'minimize', reference });
  assert.deepEqual([best?.trial, better], [1, true]);
});

test('options are checked', () => {
  for (const wrong of [{ level: 1 }, { level: 0 }, { minSeeds: 1 }, { minSeeds: 2.5 }])
    assert.throws(() => chooseBest([], { direction: 'maximize', reference, ...wrong }), { code: 'ERR_INVALID_OPTION' });
});

test('scores by seed come from lists and objects among the attributes', () => {
  const attributes = { list: [0.1, null, 0.3], object: { 5: 0.5, 6: 'none' }, number: 1 };
  assert.deepEqual(scoresBySeed({ attributes }, 'list'), { 0: 0.1, 2: 0.3 });
  assert.deepEqual(scoresBySeed({ attributes }, 'object'), { 5: 0.5 });
  assert.equal(scoresBySeed({ attributes }, 'number'), undefined);
  assert.equal(scoresBySeed({ attributes }, 'absent'), undefined);
});

test('a share of what was there before is kept in the mean', () => {
  const before = { 1: 0.8, 2: 0.9 };
  assert.equal(keepsShare({ kept: { 1: 0.75, 2: 0.9 }, of: before, share: 0.95 }), true);
  assert.equal(keepsShare({ kept: { 1: 0.7, 2: 0.9 }, of: before, share: 0.95 }), false);
  assert.equal(keepsShare({ kept: { 3: 1 }, of: before, share: 0.5 }), false);
});

test('the front: complete, within the constraints, dominated by none', () => {
  const trial = (values: number[], constraints: number[] | null = null) => ({
    state: 'complete' as const,
    values,
    constraints,
  });
  const trials = [
    trial([1, 1]),
    trial([2, 2]),
    trial([3, 0]),
    trial([9, 9], [0.1]),
    { state: 'pruned' as const, values: [9, 9], constraints: null },
    trial([2, 2], [0]),
  ];
  assert.deepEqual(paretoFront(trials, ['maximize', 'maximize']), [trials[1], trials[2], trials[5]]);
  assert.deepEqual(paretoFront(trials, ['minimize', 'minimize']), [trials[0], trials[2]]);
});
