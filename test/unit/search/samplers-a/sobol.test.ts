import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import { SOBOL_DIMENSIONS, sobolDirections, sobolPoint, sobolSampler } from '../../../../lib/search/samplers/sobol.ts';
import type { Space } from '../../../../lib/search/space.ts';
import { fixture } from './fixture.ts';
import { trial } from '../../../helpers/trial.ts';

test('without the scramble: the points of scipy, in 64 dimensions', () => {
  const directions = sobolDirections(64);
  for (const [index, point] of Object.entries(fixture<{ rows: Record<string, number[]> }>('sobol').rows))
    assert.deepEqual(Array.from(sobolPoint(Number(index), directions)), point, `point ${index}`);
});

const space: Space = Object.fromEntries(
  Array.from({ length: 12 }, (_, i) => [`x${i}`, { kind: 'float', low: 0, high: 1 } as const]),
);

function draw(count: number, seed: number, done = 0): number[][] {
  const trials = Array.from({ length: done }, (_, number) => trial({ number, parameters: {} }));
  const request = { space, directions: ['minimize' as const], trials, count, random: createRandom(0) };
  return sobolSampler({ seed })
    .suggest(request)
    .map((point) => Object.values(point) as number[]);
}

test('scrambled: of 64 points each dimension has one in each 64th, and each plane of two neighbours one in each of 8 x 8 cells or nearly so', () => {
  for (const seed of [0, 1, 2]) {
    const points = draw(64, seed);
    for (let d = 0; d < 12; d++) assert.equal(new Set(points.map((point) => Math.floor(point[d]! * 64))).size, 64);
    const cells = new Set(points.map((point) => Math.floor(point[0]! * 8) * 8 + Math.floor(point[1]! * 8)));
    assert.equal(cells.size, 64);
  }
});

test('seeds give other sequences, each point is uniform over seeds', () => {
  const firsts = Array.from({ length: 400 }, (_, seed) => draw(1, seed)[0]!);
  for (const d of [0, 5, 11]) {
    const mean = firsts.reduce((sum, point) => sum + point[d]!, 0) / firsts.length;
    assert.ok(Math.abs(mean - 0.5) < 0.06, `${d}: ${mean}`);
  }
});

test('goes on from the number of sampled trials', () => {
  assert.deepEqual(draw(5, 3, 3), draw(8, 3).slice(3));
  const enqueued = Array.from({ length: 4 }, (_, number) => trial({ number, parameters: {}, origin: 'enqueued' }));
  const request = { space, directions: ['minimize' as const], trials: enqueued, count: 1, random: createRandom(0) };
  assert.deepEqual(Object.values(sobolSampler({ seed: 3 }).suggest(request)[0]!), draw(1, 3)[0]);
});

test('too many dimensions are refused', () => {
  const wide: Space = Object.fromEntries(
    Array.from({ length: SOBOL_DIMENSIONS + 1 }, (_, i) => [`x${i}`, { kind: 'int', low: 0, high: 1 } as const]),
  );
  assert.throws(
    () =>
      sobolSampler().suggest({ space: wide, directions: ['minimize'], trials: [], count: 1, random: createRandom(0) }),
    { code: 'ERR_INVALID_OPTION' },
  );
});
