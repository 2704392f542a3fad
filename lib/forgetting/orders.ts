import { createRandom } from '../random.ts';
import { LrdistError } from '../errors.ts';

/** More permutations than this (of seven tasks) are surely a slip. */
const most = 5040;

/** Orders of the numbers 0 .. count - 1: the given one, all of them (the given one first), or so many different ones by chance, the given one among them. */
export function ordersOf(
  wanted: 'given' | 'all' | number,
  count: number,
  seed: number,
): readonly (readonly number[])[] {
  const given = Array.from({ length: count }, (_, i) => i);
  if (wanted === 'given') return [given];
  const all = factorial(count);
  if (wanted === 'all') {
    if (all > most)
      throw new LrdistError('ERR_INVALID_OPTION', `orders: ${count} tasks have ${all} orders`, {
        remedy: 'Give a number of orders instead.',
      });
    return permutations(given);
  }
  if (wanted > all)
    throw new LrdistError('ERR_INVALID_OPTION', `orders: ${count} tasks have only ${all} orders, received ${wanted}`);
  const random = createRandom(seed, 0x6f72);
  const found = new Map([[given.join(), given]]);
  while (found.size < wanted) {
    const order = [...given];
    for (let i = count - 1; i > 0; i--) {
      const j = random.int(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    found.set(order.join(), order);
  }
  return [...found.values()];
}

/** In lexicographic order of the positions. */
function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1);
}
