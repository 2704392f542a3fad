import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Seeded numbers, the same on every platform. */
export interface Random {
  /** A whole number in [0, below). */
  int(below: number): number;
  /** A number in [0, 1). */
  float(): number;
}

/**
 * A generator for `seed` (an integer in [0, 2^53)) and any further integers that name the stream (an epoch, a task's number): different
 * lists give unrelated streams.
 */
export function createRandom(seed: number, ...stream: readonly number[]): Random {
  const generator = xoroshiro128plus(mix([seed, ...stream]));
  return {
    int: (below) => uniformInt(generator, 0, below - 1),
    float: () => uniformFloat64(generator),
  };
}

/** The numbers 0 .. count - 1 in an order decided by the seed and stream (Fisher-Yates). */
export function shuffledOrder(count: number, seed: number, ...stream: readonly number[]): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  const random = createRandom(seed, ...stream);
  for (let i = count - 1; i > 0; i--) {
    const j = random.int(i + 1);
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order;
}

/** Folds integers into 32 bits so that near seeds and streams start far apart (murmur3's finalizer after each word). */
function mix(values: readonly number[]): number {
  let h = 0x9e3779b9;
  for (const value of values) {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`a seed must be an integer in [0, 2^53), not ${value}`);
    for (const word of [value % 0x1_0000_0000, Math.floor(value / 0x1_0000_0000)]) {
      h = (h ^ word) | 0;
      h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
      h = (h ^ (h >>> 16)) + 0x9e3779b9;
    }
  }
  return h | 0;
}
