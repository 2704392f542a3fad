import { logarithmic } from './logarithmic.ts';
import { type Layout, type Parametrisation, RATE_RANGE } from './parametrisation.ts';

/** Steps below this count as none: a step of exactly 0 would need an infinite number. */
const SMALLEST_STEP = 1e-9;

/**
 * Rates that never fall from group to group (`rising`, towards the heads) or never rise (`falling`). lr is the highest; each step down is the softplus
 * of a number, in natural logarithms, so every list of numbers is such a profile. Rates out of order are encoded as the nearest profile in order.
 */
export function orderedRates({ names }: Layout, direction: 'rising' | 'falling' = 'rising'): Parametrisation {
  const n = names.length;
  /** From the highest group down. */
  const turned = <T>(list: readonly T[]): readonly T[] => (direction === 'rising' ? list.toReversed() : list);
  return logarithmic({
    name: direction === 'rising' ? 'ordered' : 'ordered:falling',
    groups: n,
    parameters: [
      { name: 'lr', ...RATE_RANGE },
      ...Array.from({ length: n - 1 }, (_, i) => ({ name: `step_${i + 1}`, low: -6, high: 2, log: false })),
    ],
    curve: ([rate, ...steps]) => {
      let level = Math.log(rate!);
      return turned([level, ...steps.map((step) => (level -= softplus(step)))]);
    },
    fit: (logs) => {
      const levels = nonIncreasing(turned(Array.from(logs)));
      const steps = levels.slice(1).map((level, i) => Math.max(levels[i]! - level, SMALLEST_STEP));
      return [Math.exp(levels[0]!), ...steps.map((step) => step + Math.log(-Math.expm1(-step)))];
    },
  });
}

/** log(1 + exp(x)), for large x too. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** Nearest list, in least squares, that never rises: neighbours out of order are pooled to their mean. */
function nonIncreasing(values: readonly number[]): number[] {
  const pools: { sum: number; count: number }[] = [];
  for (const value of values) {
    let pool = { sum: value, count: 1 };
    while (pools.length > 0 && pools.at(-1)!.sum / pools.at(-1)!.count < pool.sum / pool.count) {
      const before = pools.pop()!;
      pool = { sum: pool.sum + before.sum, count: pool.count + before.count };
    }
    pools.push(pool);
  }
  return pools.flatMap(({ sum, count }) => new Array<number>(count).fill(sum / count));
}
