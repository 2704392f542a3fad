import { z } from 'zod';
import { LrdistError } from '../../errors.ts';
import { createRandom, type Random } from '../../random.ts';
import type { Sampler } from '../sampler.ts';
import { unitCube } from '../unit-cube.ts';
import { checkSettings, type SamplerSettings } from './settings.ts';
import { SOBOL_DIRECTIONS } from './sobol-directions.ts';

const BITS = 32;
const schema = z.strictObject({
  /** Of the scramble, which has to be the same for all points of a study. */
  seed: z.int().min(0).default(0),
});

export const SOBOL_DIMENSIONS = SOBOL_DIRECTIONS.length + 1;

/**
 * A scrambled Sobol sequence: points that fill the space evenly, however many there are. It goes on from the number of sampled trials. Choices have a coordinate too.
 *
 * Settings: `seed` (default 0) of the scramble.
 */
export function sobolSampler(settings: SamplerSettings = {}): Sampler {
  const { seed } = checkSettings(schema, settings, 'sobol');
  return {
    name: 'sobol',
    settings: { seed },
    suggest({ space, trials, count }) {
      const cube = unitCube(space);
      const dimensions = cube.numeric.length + cube.categorical.length;
      const directions = scrambledDirections(dimensions, createRandom(seed, dimensions));
      const first = trials.filter(({ origin }) => origin === 'sampled').length;
      return Array.from({ length: count }, (_, i) => {
        const point = sobolPoint(first + i, directions);
        const choices = cube.categorical.map(({ choices }, k) =>
          Math.floor(point[cube.numeric.length + k]! * choices.length),
        );
        return cube.toParameters(point, choices);
      });
    },
  };
}

/** Direction numbers of each dimension as 32-bit fractions; the last entry is a shift of all points. */
export type SobolDirections = readonly Uint32Array[];

/** Point `index` (from 0) in [0, 1)^d, in the order of Antonov and Saleev: each differs from the one before by one direction number. */
export function sobolPoint(index: number, directions: SobolDirections): Float64Array {
  const gray = (index ^ (index >>> 1)) >>> 0;
  return Float64Array.from(directions, (numbers) => {
    let bits = numbers[BITS]!;
    for (let i = 0; i < BITS; i++) if ((gray >>> i) & 1) bits ^= numbers[i]!;
    return (bits >>> 0) / 2 ** BITS;
  });
}

/**
 * The unscrambled sequence's numbers (Bratley and Fox, ACM TOMS 14, 1988).
 *
 * @throws LrdistError ERR_INVALID_OPTION for more dimensions than there are numbers for
 */
export function sobolDirections(dimensions: number): SobolDirections {
  if (dimensions > SOBOL_DIMENSIONS)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `sampler sobol: expected at most ${SOBOL_DIMENSIONS} dimensions, received ${dimensions}`,
      { remedy: 'Use the sampler random, or a space with fewer dimensions.' },
    );
  return Array.from({ length: dimensions }, (_, d) =>
    d === 0 ? firstDimension() : recurrence(SOBOL_DIRECTIONS[d - 1]!),
  );
}

function firstDimension(): Uint32Array {
  return Uint32Array.from({ length: BITS + 1 }, (_, i) => (i < BITS ? 2 ** (BITS - 1 - i) : 0));
}

function recurrence([polynomial, ...initial]: readonly [number, ...number[]]): Uint32Array {
  const degree = initial.length;
  const numbers = new Uint32Array(BITS + 1);
  for (let i = 0; i < BITS; i++) {
    if (i < degree) numbers[i] = initial[i]! * 2 ** (BITS - 1 - i);
    else {
      let bits = numbers[i - degree]! ^ (numbers[i - degree]! >>> degree);
      for (let k = 1; k < degree; k++) if ((polynomial >>> (degree - k)) & 1) bits ^= numbers[i - k]!;
      numbers[i] = bits;
    }
  }
  return numbers;
}

/** Each number times a random lower triangular matrix of bits, and a random shift (Matousek, J. Complexity 14, 1998): evenness is kept, and every point is uniform. */
function scrambledDirections(dimensions: number, random: Random): SobolDirections {
  return sobolDirections(dimensions).map((numbers) => {
    // Row r gives bit r of the product, from the highest: that bit of the number itself, and any of those above it.
    const rows = Array.from({ length: BITS }, (_, r) => {
      const own = 2 ** (BITS - 1 - r);
      const above = r === 0 ? 0 : (randomBits(random) & -(own * 2)) >>> 0;
      return (above | own) >>> 0;
    });
    const scrambled = numbers.map((number) =>
      rows.reduce((bits, row) => ((bits << 1) | parity(number & row)) >>> 0, 0),
    );
    scrambled[BITS] = randomBits(random);
    return scrambled;
  });
}

function randomBits(random: Random): number {
  return Math.floor(random.float() * 2 ** BITS);
}

function parity(bits: number): number {
  for (let shift = 16; shift > 0; shift >>= 1) bits ^= bits >>> shift;
  return bits & 1;
}
