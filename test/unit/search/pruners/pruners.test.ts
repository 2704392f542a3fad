import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LrdistError } from '../../../../lib/errors.ts';
import { createPruner } from '../../../../lib/search/pruners/create.ts';
import { requestOf, trialOf } from './helpers.ts';

const kept = (name: string, settings: Record<string, number | string>, request: ReturnType<typeof requestOf>) =>
  request.batch.filter((_, i) => createPruner(name, settings).decide(request)[i]).map(({ number }) => number);

const batch = (...values: (number | readonly number[])[]) =>
  values.map((value, i) => trialOf(i, [value], { batch: 0 }));

test('halving keeps the best half, rounded up, by number where equal', () => {
  assert.deepEqual(kept('successive-halving', { reduction: 2 }, requestOf(batch(1, 5, 3, 4, 2))), [1, 2, 3]);
  assert.deepEqual(kept('successive-halving', { reduction: 2 }, requestOf(batch(1, 1, 1, 1))), [0, 1]);
  assert.deepEqual(kept('successive-halving', { reduction: 3 }, requestOf(batch(NaN, 1, 2))), [2]);
  const minimize = requestOf(batch(1, 5, 3, 4), [], { directions: ['minimize'] });
  assert.deepEqual(kept('successive-halving', { reduction: 2 }, minimize), [0, 2]);
});

test('halving looks at nothing outside its batch', () => {
  const rivals = [10, 11, 12].map((number) => trialOf(number, [99], { state: 'complete', batch: 1 }));
  assert.deepEqual(kept('successive-halving', { reduction: 2 }, requestOf(batch(1, 2), rivals)), [1]);
});

test('rungs grow by the reduction from the grace', () => {
  assert.deepEqual(createPruner('successive-halving', { reduction: 2 }).rungs(10), [1, 2, 4, 8]);
  assert.deepEqual(createPruner('asha', { reduction: 3, grace: 2 }).rungs(18), [2, 6]);
  assert.deepEqual(createPruner('paper').rungs(8), [1, 2, 4]);
  assert.deepEqual(createPruner('wilcoxon', { startupSteps: 2 }).rungs(5), [3, 4]);
  assert.deepEqual(createPruner('median', { warmupSteps: 1 }).rungs(4), [2, 3]);
});

test("Hyperband's brackets begin one rung later for each batch, and start again", () => {
  const pruner = createPruner('hyperband', { reduction: 2 });
  const first = Array.from({ length: 8 }, (_, number) =>
    [1, 2, 4].find((step) => {
      const trials = [0, 1].map((i) => trialOf(2 * number + i, [i, i, i, i, i, i, i], { batch: number }));
      return pruner.decide(requestOf(trials, [], { step, maxStep: 8 })).includes(false);
    }),
  );
  assert.deepEqual(first, [1, 2, 4, undefined, 1, 2, 4, undefined]);
});

test('ASHA compares with all of the study that reached the rung', () => {
  const others = [9, 8, 7].map((value, i) => trialOf(10 + i, [value], { state: 'pruned', batch: 1 }));
  const elsewhere = trialOf(20, [], { state: 'failed', batch: 2 });
  assert.deepEqual(kept('asha', { reduction: 2 }, requestOf([trialOf(0, [8.5])], [...others, elsewhere])), [0]);
  assert.deepEqual(kept('asha', { reduction: 2 }, requestOf([trialOf(0, [7.5])], [...others, elsewhere])), []);
  // The first to come goes on, however bad it is.
  assert.deepEqual(kept('asha', { reduction: 4 }, requestOf([trialOf(0, [-5])])), [0]);
});

test('with two objectives the front goes on before what it dominates, and the ends of a front before its middle', () => {
  const points = batch([1, 9], [4, 5], [5, 5.5], [9, 1], [0, 0], [5.1, 5.4]);
  const request = requestOf(points, [], { directions: ['maximize', 'maximize'] });
  for (const spread of ['crowding', 'epsilon-net']) {
    const best = kept('mo-asha', { reduction: 2, spread }, request);
    assert.ok(best.includes(0) && best.includes(3) && best.length === 3 && !best.includes(1), `${spread}: ${best}`);
  }
});

test('an epsilon net begins with the best in the first objective and goes to the farthest', () => {
  // Objective 1 grows as objective 2 falls: all are one front. From the point at 10: the one at 0, then the middle.
  const points = batch([10, 0], [9, 1], [6, 4], [5, 5], [0, 10]);
  const request = requestOf(points, [], { directions: ['maximize', 'maximize'] });
  assert.deepEqual(kept('mo-asha', { reduction: 2 }, request), [0, 3, 4]);
});

test('the median of complete trials at the step decides, on the best score so far', () => {
  const complete = [1, 2, 3, 4, 5].map((value, i) => trialOf(i, [value, value], { state: 'complete' }));
  const failed = trialOf(5, [100, 100], { state: 'failed' });
  const trial = (curve: number[]) => requestOf([trialOf(6, curve)], [...complete, failed]);
  assert.deepEqual(kept('median', {}, trial([0, 2.9])), []);
  assert.deepEqual(kept('median', {}, trial([0, 3])), [6]);
  assert.deepEqual(kept('median', {}, trial([3.5, 0])), [6]);
  assert.deepEqual(kept('median', { warmupSteps: 2 }, trial([0, 0])), [6]);
  assert.deepEqual(kept('median', { startupTrials: 6 }, trial([0, 0])), [6]);
  assert.deepEqual(kept('median', {}, trial([NaN, NaN])), []);
});

test('with two objectives the median ends what is worse in both', () => {
  const complete = [1, 2, 3].map((value, i) => trialOf(i, [[value, value]], { state: 'complete' }));
  const trial = (values: number[]) =>
    requestOf([trialOf(6, [values])], complete, { directions: ['maximize', 'minimize'] });
  assert.deepEqual(kept('median', { startupTrials: 3 }, trial([1, 3])), []);
  assert.deepEqual(kept('median', { startupTrials: 3 }, trial([1, 1])), [6]);
});

test('Wilcoxon ends a trial that is worse on the same seeds by more than chance', () => {
  const best = trialOf(0, [5, 6, 7, 8, 9], { state: 'complete' });
  const worse = trialOf(1, [0, 0, 0, 0, 0], { state: 'complete' });
  const trial = (curve: number[]) => requestOf([trialOf(2, curve)], [worse, best]);
  // Four pairs, all worse: p = 1/16; three: 1/8.
  assert.deepEqual(kept('wilcoxon', {}, trial([4, 5, 6, 7])), []);
  assert.deepEqual(kept('wilcoxon', {}, trial([4, 5, 6])), [2]);
  assert.deepEqual(kept('wilcoxon', { threshold: 0.2 }, trial([4, 5, 6])), []);
  assert.deepEqual(kept('wilcoxon', { startupSteps: 4 }, trial([4, 5, 6, 7])), [2]);
  // Differences are paired by seed: the same scores in another order are no worse on average.
  assert.deepEqual(kept('wilcoxon', {}, trial([8, 7, 6, 5])), [2]);
  // Worse in most, better on average.
  assert.deepEqual(kept('wilcoxon', { threshold: 0.9 }, trial([4.9, 5.9, 6.9, 20])), [2]);
});

test('settings are checked', () => {
  const wrong: [string, Record<string, number | string>, string, RegExp][] = [
    ['ashs', {}, 'ERR_INVALID_OPTION', /there is no pruner "ashs"/],
    ['asha', { reduction: 1 }, 'ERR_INVALID_OPTION', /reduction/],
    ['asha', { reducton: 2 }, 'ERR_UNKNOWN_OPTION', /reducton/],
    ['none', { grace: 2 }, 'ERR_UNKNOWN_OPTION', /grace/],
    ['wilcoxon', { threshold: 0 }, 'ERR_INVALID_OPTION', /threshold/],
    ['mo-asha', { spread: 'wide' }, 'ERR_INVALID_OPTION', /spread/],
  ];
  for (const [name, settings, code, message] of wrong)
    assert.throws(
      () => createPruner(name, settings),
      (error) => error instanceof LrdistError && error.code === code && message.test(error.message),
    );
});
