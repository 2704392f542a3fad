import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordedCurves } from '../../../../lib/search/executors/recorded.ts';
import {
  type CurvePoint,
  simulatedExecutor,
  type SimulatedOptions,
} from '../../../../lib/search/executors/simulated.ts';
import { optimize, type OptimizeOptions } from '../../../../lib/search/optimize.ts';
import { createPruner } from '../../../../lib/search/pruners/create.ts';
import type { Parameters } from '../../../../lib/search/space.ts';
import { trialOf } from '../pruners/helpers.ts';
import { open, type Options, scoreAt, space } from '../study/helpers.ts';

const maxStep = 9;

/** A step takes 1 to 3 seconds, by the second parameter. */
function curve({ x, rate }: Parameters): CurvePoint[] {
  const seconds = 1 + (Math.log10(Number(rate)) + 6) / 2;
  return Array.from({ length: maxStep }, (_, i) => ({ step: i + 1, values: [scoreAt(Number(x), i + 1)], seconds }));
}

const parametersOf = (trials: readonly { readonly parameters: object }[]) => trials.map(({ parameters }) => parameters);

async function simulate(
  simulated: Partial<SimulatedOptions>,
  options: Options = {},
  optimized: OptimizeOptions = { trials: 24 },
) {
  await using study = await open({ maxStep, ...options });
  const executor = simulatedExecutor({ curve, ...simulated });
  await optimize(study, executor, optimized);
  return { trials: await study.trials(), elapsed: executor.elapsed, best: await study.best() };
}

test('one worker needs the time of all trials, one after the other, and no real time', async () => {
  const before = performance.now();
  const { trials, elapsed } = await simulate({});
  assert.ok(performance.now() - before < 2000);
  const whole = trials.map(({ parameters }) => curve(parameters).reduce((sum, { seconds }) => sum + seconds!, 0));
  const sum = whole.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(elapsed - sum) < 1e-6, `${elapsed}, not ${sum}`);
  let began = 0;
  for (const [i, { attributes }] of trials.entries()) {
    assert.ok(Math.abs((attributes.began as number) - began) < 1e-6);
    began = attributes.ended as number;
    assert.ok(Math.abs(began - (attributes.began as number) - whole[i]!) < 1e-6);
  }
});

test('four workers are about four times as fast; in lockstep they wait for each other', async () => {
  const one = await simulate({});
  const free = await simulate({ parallel: 4 }, {}, { trials: 24, mode: 'async' });
  const barrier = await simulate({ parallel: 4 });
  assert.ok(free.elapsed < one.elapsed / 3 && free.elapsed >= one.elapsed / 4 - 1e-6, `${one.elapsed} ${free.elapsed}`);
  assert.ok(barrier.elapsed > free.elapsed);
  const spans = free.trials.map(({ attributes }) => [Number(attributes.began), Number(attributes.ended)] as const);
  for (const [now] of spans) {
    const running = spans.filter(([began, ended]) => began <= now && now < ended).length;
    assert.ok(running >= 1 && running <= 4, `${running} at once`);
  }
});

test('who is done first is recorded first, the same in every run', async () => {
  const order = async () => {
    const ends: number[] = [];
    const onEvent: OptimizeOptions['onEvent'] = (event) => event.type === 'finished' && ends.push(event.trial);
    const { trials } = await simulate(
      { parallel: 3 },
      { sampler: 'tpe', pruner: 'asha' },
      { trials: 30, mode: 'async', onEvent },
    );
    const times = ends.map((number) => trials[number]!.attributes.ended as number);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    );
    return ends;
  };
  assert.deepEqual(await order(), await order());
});

test('replicas of a batch share their time, as a sum or side by side', async () => {
  const sum = await simulate({ batchSize: 4 });
  const side = await simulate({ batchSize: 4, together: 'max' });
  // The same trials in both: batches are made from the same seed.
  assert.deepEqual(parametersOf(side.trials), parametersOf(sum.trials));
  const times = sum.trials.map(({ parameters }) => maxStep * curve(parameters)[0]!.seconds!);
  const total = times.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum.elapsed - total) < 1e-6, `${sum.elapsed}, not ${total}`);
  const longest = [0, 4, 8, 12, 16, 20].map((first) => Math.max(...times.slice(first, first + 4)));
  assert.ok(Math.abs(side.elapsed - longest.reduce((a, b) => a + b, 0)) < 1e-6);
});

test('a pruner saves most of the time and finds about the same', async () => {
  const full = await simulate({ parallel: 4 }, {}, { trials: 64, mode: 'async' });
  // The curves cross: what is best in the end is behind at first.
  for (const pruner of [createPruner('asha', { grace: 3 }), createPruner('median', { warmupSteps: 2 })]) {
    const pruned = await simulate({ parallel: 4 }, { pruner }, { trials: 64, mode: 'async' });
    assert.ok(pruned.elapsed < 0.75 * full.elapsed, `${pruner.name}: ${pruned.elapsed} of ${full.elapsed}`);
    assert.ok(pruned.best!.values![0]! > 0.97 * full.best!.values![0]!, pruner.name);
  }
});

test('a curve that throws or is empty fails its trial', async () => {
  const odd: SimulatedOptions['curve'] = (_, { trial }) => {
    if (trial === 0) throw new Error('no such point');
    return trial === 1 ? [] : [{ step: 1, values: [1] }];
  };
  const { trials, elapsed } = await simulate({ curve: odd }, {}, { trials: 3 });
  assert.deepEqual(
    trials.map(({ state, error }) => [state, error]),
    [
      ['failed', 'Error: no such point'],
      ['failed', 'the curve has no points'],
      ['complete', null],
    ],
  );
  assert.equal(elapsed, 1);
  assert.throws(() => simulatedExecutor({ curve: 'none' as never }), { code: 'ERR_INVALID_OPTION' });
});

test('recorded trials: the nearest in the space, logarithmic where it is', () => {
  const record = (number: number, x: number, rate: number) => ({
    ...trialOf(number, [number, number + 0.5], { state: 'complete' }),
    parameters: { x, rate },
    attributes: number === 2 ? { seconds: 8 } : {},
  });
  const trials = [
    record(0, 0, 1e-6),
    record(1, 0, 1e-4),
    record(2, 1, 1e-2),
    { ...record(3, 1, 1e-4), state: 'failed' as const },
  ];
  const replay = recordedCurves(trials, space);
  const job = { trial: 0, attempt: 1, parameters: {} };
  const first = (x: number, rate: number) => replay({ x, rate }, job)[0]?.values[0];
  assert.equal(first(0, 1.1e-5), 1);
  assert.equal(first(0, 0.9e-5), 0);
  assert.equal(first(1, 1e-3), 2);
  assert.deepEqual(replay({ x: 1, rate: 1e-2 }, job), [
    { step: 1, values: [2], seconds: 4 },
    { step: 2, values: [2.5], seconds: 4 },
  ]);
  assert.throws(() => recordedCurves([], space), { code: 'ERR_INVALID_OPTION' });
});
