import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import { reflect } from '../../../../lib/search/samplers/cma-es/draw.ts';
import { nextState } from '../../../../lib/search/samplers/cma-es/generation.ts';
import { replay } from '../../../../lib/search/samplers/cma-es/replay.ts';
import { promisingRegion, wholeCube } from '../../../../lib/search/samplers/cma-es/start.ts';
import { colour, firstState, whiten } from '../../../../lib/search/samplers/cma-es/state.ts';
import { cmaEsSampler } from '../../../../lib/search/samplers/cma-es.ts';
import type { Direction, Space } from '../../../../lib/search/space.ts';
import type { Trial } from '../../../../lib/search/trial.ts';
import { unitCube } from '../../../../lib/search/unit-cube.ts';
import { trial } from '../../../helpers/trial.ts';

const directions: readonly Direction[] = ['minimize'];

function box(dimensions: number): Space {
  return Object.fromEntries(
    Array.from({ length: dimensions }, (_, i) => [`x${i}`, { kind: 'float', low: -5, high: 10 }]),
  );
}

/** Lowest at 1; the last dimension matters `condition` times as much as the first. */
function ellipsoid(condition: number, x: readonly number[]): number {
  return x.reduce((sum, v, i) => sum + condition ** (i / (x.length - 1)) * (v - 1) ** 2, 0);
}

/** @returns trials until the value is below `target` */
function trialsUntil(target: number, dimensions: number, condition: number, size: number, limit: number): number {
  const space = box(dimensions);
  const trials: Trial[] = [];
  while (trials.length < limit) {
    const request = { space, directions, trials, count: size, random: createRandom(1, trials.length) };
    for (const parameters of cmaEsSampler().suggest(request)) {
      const value = ellipsoid(condition, Object.values(parameters).map(Number));
      trials.push(trial({ number: trials.length, parameters, values: [value] }));
      if (value < target) return trials.length;
    }
  }
  return limit;
}

test('the sphere of five dimensions takes the usual 600 evaluations to 1e-8', () => {
  const count = trialsUntil(1e-8, 5, 1, 8, 2000);
  assert.ok(count > 300 && count < 850, `${count}`);
});

test('an ellipsoid a thousand times as long as wide takes less than three times as many: its shape is learned', () => {
  const count = trialsUntil(1e-8, 5, 1e6, 8, 4000);
  assert.ok(count > 850 && count < 2200, `${count}`);
});

const space = box(3);
const cube = unitCube(space);
const request = { space, directions, count: 1 };

function history(count: number, change: (number: number) => Partial<Trial> = () => ({})): Trial[] {
  const random = createRandom(3);
  return Array.from({ length: count }, (_, number) => {
    const parameters = Object.fromEntries(Object.keys(space).map((name) => [name, -5 + 15 * random.float()]));
    const value = ellipsoid(1, Object.values(parameters));
    return trial({ number, parameters, values: [value], ...change(number) });
  });
}

test('the same trials give the same state and points, whatever was asked before', () => {
  const trials = history(30);
  const ask = () => cmaEsSampler().suggest({ ...request, trials, random: createRandom(4) });
  const first = ask();
  cmaEsSampler().suggest({ ...request, trials: trials.slice(0, 14), random: createRandom(5) });
  assert.deepEqual(ask(), first);
  const step = (size: number) => replay(trials.slice(0, size), directions, cube, wholeCube(3, 0.3), 7);
  const points = (from: number) =>
    trials
      .slice(from, from + 7)
      .sort((a, b) => a.values![0]! - b.values![0]!)
      .map(({ parameters }) => cube.toPoint(parameters).unit);
  assert.deepEqual(step(28), nextState(step(21), points(21)));
});

test('a generation with an unfinished trial waits, and what is not its own is passed over', () => {
  const start = wholeCube(3, 0.3);
  const after = (trials: readonly Trial[]) => replay(trials, directions, cube, start, 7).generation;
  assert.equal(after(history(13)), 1);
  assert.equal(after(history(14)), 2);
  assert.equal(after(history(14, (i) => (i === 9 ? { state: 'running', values: null, finished: null } : {}))), 1);
  assert.equal(after(history(14, (i) => (i === 3 ? { state: 'failed', values: null } : {}))), 1);
  assert.equal(after(history(14, (i) => (i === 3 ? { origin: 'enqueued' } : {}))), 1);
});

test('pruned trials rank behind all complete ones', () => {
  const pruned = { state: 'pruned', values: [-1e9], reports: [{ step: 1, values: [-1e9] }] } as const;
  const worst = { values: [1e9] };
  const start = wholeCube(3, 0.3);
  const state = (last: Partial<Trial>) =>
    replay(
      history(7, (i) => (i === 2 ? last : {})),
      directions,
      cube,
      start,
      7,
    );
  assert.deepEqual(state(pruned), state(worst));
});

test('white noise goes through the covariance and back', () => {
  const covariance = Float64Array.of(4, 1, 1, 2);
  const state = firstState({ mean: Float64Array.of(0.5, 0.5), sigma: 1, covariance });
  const z = Float64Array.of(0.3, -1.2);
  const y = colour(state, z);
  // The squared length of the noise is y' C^-1 y.
  const squared = (2 * y[0]! ** 2 - 2 * y[0]! * y[1]! + 4 * y[1]! ** 2) / 7;
  assert.ok(Math.abs(squared - (0.09 + 1.44)) < 1e-12);
  // C^(-1/2) is symmetric: applied to C^(1/2) e it gives e turned, with the same length.
  assert.ok(Math.abs(Math.hypot(...whiten(state, y)) - Math.hypot(...z)) < 1e-12);
});

test('points beyond a bound come back by the same distance', () => {
  for (const [value, inside] of [
    [0.3, 0.3],
    [-0.2, 0.2],
    [1.25, 0.75],
    [2.1, 0.1],
    [-1.3, 0.7],
    [3.4, 0.6],
  ] as const)
    assert.ok(Math.abs(reflect(value) - inside) < 1e-12, `${value}`);
});

test('a warm start begins where the good trials of the source are', () => {
  const source = history(60);
  const region = promisingRegion(source, directions, cube)!;
  // The lowest value is at 1, 0.4 of the way.
  for (const mean of region.mean) assert.ok(Math.abs(mean - 0.4) < 0.2, `${region.mean}`);
  assert.ok(region.sigma < 0.3 && region.sigma >= 0.1, `${region.sigma}`);
  const [warm, cold] = [cmaEsSampler({}, { source }), cmaEsSampler()].map((sampler) =>
    sampler
      .suggest({ ...request, count: 40, trials: [], random: createRandom(7) })
      .reduce((sum, p) => sum + ellipsoid(1, Object.values(p).map(Number)), 0),
  );
  assert.ok(warm! < 0.6 * cold!, `${warm} ${cold}`);
  assert.equal(promisingRegion([], directions, cube), undefined);
});

test('choices and several objectives are refused, with what to do', () => {
  const random = createRandom(1);
  const choices: Space = { ...space, kind: { kind: 'categorical', choices: ['a', 'b'] } };
  const refused = { code: 'ERR_INVALID_OPTION', remedy: /tpe/ };
  assert.throws(() => cmaEsSampler().suggest({ ...request, space: choices, trials: [], random }), refused);
  const two = ['minimize', 'minimize'] as const;
  assert.throws(() => cmaEsSampler().suggest({ ...request, directions: two, trials: [], random }), refused);
});

test('along an integer dimension the draws never narrow to one value', () => {
  const counted: Space = { n: { kind: 'int', low: 1, high: 10 }, x: { kind: 'float', low: 0, high: 1 } };
  const trials = Array.from({ length: 240 }, (_, number) =>
    trial({ number, parameters: { n: 4, x: 0.5 + 1e-6 * (number % 3) }, values: [number % 3] }),
  );
  const ask = { space: counted, directions, trials, count: 30, random: createRandom(2) };
  const points = cmaEsSampler().suggest(ask);
  assert.ok(new Set(points.map(({ n }) => n)).size > 1);
});
