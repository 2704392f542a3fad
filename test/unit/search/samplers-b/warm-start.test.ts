import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import { randomSampler } from '../../../../lib/search/samplers/random.ts';
import { withTransfer } from '../../../../lib/search/samplers/warm-start.ts';
import { misleads } from '../../../../lib/search/samplers/warm-start/misleads.ts';
import { goodRegion } from '../../../../lib/search/samplers/warm-start/region.ts';
import { tpeSampler } from '../../../../lib/search/samplers/tpe.ts';
import type { Direction, Parameters, Space } from '../../../../lib/search/space.ts';
import type { Trial } from '../../../../lib/search/trial.ts';
import { unitCube } from '../../../../lib/search/unit-cube.ts';
import { trial } from '../../../helpers/trial.ts';

const space: Space = {
  a: { kind: 'float', low: 0, high: 1 },
  b: { kind: 'float', low: 1e-7, high: 1e-3, log: true },
};
const cube = unitCube(space);
const directions: readonly Direction[] = ['maximize'];

/** Highest at a in the unit cube, b in its middle. */
function hill(parameters: Parameters, at: number): number {
  const { unit } = cube.toPoint(parameters);
  return -((unit[0]! - at) ** 2) - (unit[1]! - 0.5) ** 2;
}

function study(count: number, at: number, seed: number): Trial[] {
  const request = { space, directions, trials: [], count, random: createRandom(seed) };
  return randomSampler()
    .suggest(request)
    .map((parameters, number) => trial({ number, parameters, values: [hill(parameters, at)] }));
}

function best(trials: readonly Trial[]): Trial {
  return trials.reduce((a, b) => (b.values![0]! > a.values![0]! ? b : a));
}

/** A study with transfer whose own hill is elsewhere or not. */
function search(sources: readonly (readonly Trial[])[], at: number, count: number): Trial[] {
  const sampler = withTransfer(tpeSampler(), { sources });
  const trials: Trial[] = [];
  for (let number = 0; number < count; number++) {
    const request = { space, directions, trials, count: 1, random: createRandom(6, number) };
    const [parameters] = sampler.suggest(request);
    trials.push(trial({ number, parameters: parameters!, values: [hill(parameters!, at)] }));
  }
  return trials;
}

test('it begins with the best points of each source in turn, each once', () => {
  const [one, two] = [study(40, 0.2, 1), study(40, 0.8, 2)];
  const sampler = withTransfer(randomSampler(), { sources: [one, two], first: 3, weight: 0 });
  const ask = (trials: readonly Trial[], count: number) =>
    sampler.suggest({ space, directions, trials, count, random: createRandom(3) });
  const points = ask([], 5);
  assert.equal(points.length, 5);
  assert.deepEqual(points.slice(0, 2), [best(one).parameters, best(two).parameters]);
  const tried = points.slice(0, 2).map((parameters, number) => trial({ number, parameters, state: 'running' }));
  assert.deepEqual(ask(tried, 1)[0], points[2]);
  const all = points.slice(0, 3).map((parameters, number) => trial({ number, parameters, state: 'running' }));
  assert.ok(!points.some((point) => JSON.stringify(point) === JSON.stringify(ask(all, 1)[0])));
});

test('points drawn from the good region get fewer with the trials', () => {
  const source = study(60, 0.2, 1);
  const share = (own: number) => {
    const trials = Array.from({ length: own }, (_, number) =>
      trial({ number, parameters: { a: 0.9, b: 1e-7 }, values: null, state: 'running' }),
    );
    const sampler = withTransfer(randomSampler(), { sources: [source], first: 0, weight: 0.8 });
    const points = sampler.suggest({ space, directions, trials, count: 1000, random: createRandom(3) });
    return points.filter((point) => hill(point, 0.2) > -0.09).length / 1000;
  };
  const none = 0.28; // of points by chance: a disc of radius 0.3, cut by an edge
  assert.ok(share(0) > 0.75, `${share(0)}`);
  assert.ok(share(20) < share(0) - 0.15 && share(20) > none + 0.15, `${share(20)}`);
  assert.ok(share(400) < none + 0.1, `${share(400)}`);
});

test('a source of another hill is switched off, one of the same is kept', () => {
  const [like, unlike] = [study(60, 0.2, 1), study(60, 0.9, 2)];
  const own = study(30, 0.2, 3);
  const judged = [like, unlike].map((source) => misleads(goodRegion(source, directions, cube)!, own, directions, cube));
  assert.deepEqual(judged, [false, true]);
  // With less than three on either side there is no verdict.
  assert.equal(misleads(goodRegion(unlike, directions, cube)!, own.slice(0, 3), directions, cube), false);
  const sampler = withTransfer(randomSampler(), { sources: [unlike], weight: 1, halving: 1e9, first: 9 });
  const ask = { space, directions, trials: own, count: 8 };
  assert.deepEqual(
    sampler.suggest({ ...ask, random: createRandom(4) }),
    randomSampler().suggest({ ...ask, random: createRandom(4) }),
  );
});

test('a like source helps from the first trial, a misleading one costs little in the end', () => {
  const first = (trials: readonly Trial[]) => best(trials.slice(0, 4)).values![0]!;
  const [helped, misled] = [search([study(60, 0.2, 1)], 0.2, 40), search([study(60, 0.95, 2)], 0.2, 40)];
  assert.ok(first(helped) > -0.01, `${first(helped)}`);
  assert.ok(first(misled) < -0.2);
  assert.ok(best(misled).values![0]! > -0.02, `${best(misled).values}`);
});

test('sources of another space are refused; settings are those of the sampler and its own', () => {
  const elsewhere = [trial({ number: 0, parameters: { c: 1 } })];
  const sampler = withTransfer(tpeSampler(), { sources: [elsewhere], first: 2 });
  assert.throws(() => sampler.suggest({ space, directions, trials: [], count: 1, random: createRandom(1) }), {
    code: 'ERR_INVALID_OPTION',
    remedy: /parametrisation/,
  });
  assert.equal(sampler.settings['transfer_first'], 2);
  assert.equal(sampler.settings['transfer_sources'], 1);
  assert.throws(() => withTransfer(tpeSampler(), { sources: [], weight: 2 }), { code: 'ERR_INVALID_OPTION' });
});
