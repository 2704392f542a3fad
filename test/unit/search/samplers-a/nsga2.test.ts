import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRandom } from '../../../../lib/random.ts';
import { hypervolume } from '../../../../lib/search/hypervolume.ts';
import { createSampler } from '../../../../lib/search/samplers/create.ts';
import { nsga2Sampler } from '../../../../lib/search/samplers/nsga2.ts';
import { randomSampler } from '../../../../lib/search/samplers/random.ts';
import { cross, mutate } from '../../../../lib/search/samplers/variation.ts';
import type { Direction, Space } from '../../../../lib/search/space.ts';
import type { Trial } from '../../../../lib/search/trial.ts';
import { unitCube } from '../../../../lib/search/unit-cube.ts';
import { trial } from '../../../helpers/trial.ts';

const space: Space = {
  ...Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`x${i}`, { kind: 'float', low: 0, high: 1 } as const])),
  kind: { kind: 'categorical', choices: ['a', 'b', 'c'] },
};
const cube = unitCube(space);
const directions: Direction[] = ['minimize', 'minimize'];

/** Zitzler, Deb and Thiele's first function, worse by 1 for choices other than b. */
function zdt1(parameters: Readonly<Record<string, unknown>>): number[] {
  const x = [0, 1, 2, 3].map((i) => parameters[`x${i}`] as number);
  const g = 1 + 3 * (x[1]! + x[2]! + x[3]!) + (parameters.kind === 'b' ? 0 : 1);
  return [x[0]!, g * (1 - Math.sqrt(x[0]! / g))];
}

function run(name: string, trials: number, seed: number): Trial[] {
  const sampler = createSampler(name);
  const done: Trial[] = [];
  while (done.length < trials) {
    const request = { space, directions, trials: done, count: 1, random: createRandom(seed, done.length) };
    const parameters = sampler.suggest(request)[0]!;
    done.push(trial({ number: done.length, parameters, values: zdt1(parameters) }));
  }
  return done;
}

test('reaches a larger volume than random points', () => {
  const volume = (name: string, seed: number) =>
    hypervolume(
      run(name, 300, seed).map(({ values }) => values!),
      [1.1, 6],
    );
  for (const seed of [1, 2, 3]) {
    const [found, random] = [volume('nsga2', seed), volume('random', seed)];
    assert.ok(found > random + 0.3, `${found} against ${random}`);
  }
});

test('the first generation is random, and trials that do not finish it make no parents', () => {
  const done = run('random', 25, 5);
  const ask = (trials: readonly Trial[]) =>
    nsga2Sampler({ populationSize: 20 }).suggest({ space, directions, trials, count: 3, random: createRandom(9) });
  const plain = randomSampler().suggest({ space, directions, trials: [], count: 3, random: createRandom(9) });
  assert.deepEqual(ask(done.slice(0, 19)), plain);
  assert.notDeepEqual(ask(done.slice(0, 20)), plain);
  // The five of the second generation do not count until it is whole.
  assert.deepEqual(ask(done), ask(done.slice(0, 20)));
});

test('with one objective it goes to the best', () => {
  let trials: Trial[] = [];
  for (let i = 0; i < 200; i++) {
    const [parameters] = nsga2Sampler().suggest({
      space,
      directions: ['maximize'],
      trials,
      count: 1,
      random: createRandom(3, i),
    });
    const score = -((parameters!.x0 as number) ** 2) - (parameters!.kind === 'c' ? 0 : 1);
    trials = [...trials, trial({ number: i, parameters: parameters!, values: [score] })];
  }
  const late = trials.slice(-40);
  assert.ok(late.filter(({ parameters }) => parameters.kind === 'c').length > 30);
  assert.ok(Math.max(...late.map(({ values }) => values![0]!)) > -0.01);
});

test('never suggests what has been tried', () => {
  const trials = run('random', 20, 6);
  const points = nsga2Sampler().suggest({ space, directions, trials, count: 300, random: createRandom(1) });
  const all = [...trials.map(({ parameters }) => parameters), ...points].map((point) => JSON.stringify(point));
  assert.equal(new Set(all).size, all.length);
});

test('of one front, those with room around them are parents first', () => {
  const line: Space = { x: { kind: 'float', low: 0, high: 1 } };
  const trials = [0.1, 0.494, 0.496, 0.498, 0.502, 0.504, 0.506, 0.9].map((x, number) =>
    trial({ number, parameters: { x }, values: [x, -x] }),
  );
  const request = { space: line, directions, trials, count: 200, random: createRandom(1) };
  const xs = nsga2Sampler({ populationSize: 4 })
    .suggest(request)
    .map(({ x }) => x as number);
  const far = xs.filter((x) => Math.abs(x - 0.5) > 0.2).length;
  assert.ok(far > 120, `${far} of 200`);
});

const unit = fc.tuple(...Array.from({ length: 4 }, () => fc.double({ min: 0, max: 1, noNaN: true })));

test('children stay in the cube', () => {
  fc.assert(
    fc.property(unit, unit, fc.nat(2), fc.nat(2), fc.nat(1000), (a, b, first, second, seed) => {
      const random = createRandom(seed);
      const parents = [a, b].map((at, i) => ({
        unit: Float64Array.from(at),
        choices: Int32Array.of(i === 0 ? first : second),
      }));
      const child = cross(parents[0]!, parents[1]!, random);
      assert.ok([first, second].includes(child.choices[0]!));
      const { unit, choices } = mutate(cube, child, random);
      assert.ok(unit.every((at) => at >= 0 && at <= 1));
      assert.ok(choices[0]! >= 0 && choices[0]! < 3);
    }),
  );
});

test('bounds are kept by the distribution itself: nothing piles up on them', () => {
  const random = createRandom(4);
  const parent = (at: number) => ({ unit: new Float64Array(4).fill(at), choices: Int32Array.of(0) });
  for (const [a, b] of [
    [0.01, 0.5],
    [0.5, 0.99],
  ] as const)
    for (let i = 0; i < 1000; i++) {
      const { unit } = mutate(cube, cross(parent(a), parent(b), random), random);
      assert.ok(unit.every((at) => at > 0 && at < 1));
    }
});

test('crossover keeps near the parents, on both sides of each; mutation is small and does not lean to a side', () => {
  const random = createRandom(2);
  const parent = (at: number) => ({ unit: new Float64Array(4).fill(at), choices: Int32Array.of(0) });
  const crossed = Array.from({ length: 4000 }, () => cross(parent(0.4), parent(0.6), random).unit[0]!);
  for (const [low, high] of [
    [0.3, 0.4],
    [0.4, 0.5],
    [0.5, 0.6],
    [0.6, 0.7],
  ] as const)
    assert.ok(crossed.filter((at) => at > low && at < high).length > 200, `${low} to ${high}`);
  const near = crossed.filter((at) => Math.min(Math.abs(at - 0.4), Math.abs(at - 0.6)) < 0.05).length;
  assert.ok(near > 0.95 * crossed.length);

  const moved = Array.from({ length: 4000 }, () => mutate(cube, parent(0.5), random).unit[0]!).filter(
    (at) => at !== 0.5,
  );
  assert.ok(Math.abs(moved.length / 4000 - 1 / 5) < 0.03);
  const mean = moved.reduce((a, b) => a + b) / moved.length;
  assert.ok(Math.abs(mean - 0.5) < 0.01);
  assert.ok(moved.filter((at) => Math.abs(at - 0.5) < 0.1).length > 0.9 * moved.length);
});
