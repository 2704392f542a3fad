import jStat from 'jstat';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { mean, sampleStandardDeviation } from 'simple-statistics';

export { mean };

/** Standard deviation of a sample (divided by n - 1); NaN for fewer than two values. */
export function standardDeviation(values: readonly number[]): number {
  return values.length < 2 ? NaN : sampleStandardDeviation([...values]);
}

export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface PairedTest extends Interval {
  readonly t: number;
  /** Two-sided. */
  readonly p: number;
  readonly pairs: number;
}

/** Differences b - a of paired scores (the same seed at the same place). */
export function differences(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length) throw new RangeError(`${a.length} scores cannot be paired with ${b.length}`);
  return b.map((value, i) => value - a[i]!);
}

/**
 * Student's t interval and test of the mean of paired differences against 0 (SciPy's `ttest_rel`). With fewer than two pairs bounds, t and p
 * are NaN; if all differences are equal the interval is that value, and p is 0, or 1 where they are all 0.
 */
export function pairedT(differences: readonly number[], level = 0.95): PairedTest {
  const n = differences.length;
  if (n === 0) throw new RangeError('no pairs');
  const center = mean([...differences]);
  if (n < 2) return { mean: center, low: NaN, high: NaN, t: NaN, p: NaN, pairs: n };
  if (differences.every((d) => d === differences[0])) {
    const t = center === 0 ? 0 : Math.sign(center) * Infinity;
    return { mean: center, low: center, high: center, t, p: center === 0 ? 1 : 0, pairs: n };
  }
  const error = standardDeviation(differences) / Math.sqrt(n);
  const t = center / error;
  const half = jStat.studentt.inv((1 + level) / 2, n - 1) * error;
  return {
    mean: center,
    low: center - half,
    high: center + half,
    t,
    p: 2 * jStat.studentt.cdf(-Math.abs(t), n - 1),
    pairs: n,
  };
}

/** Largest number of pairs for which all sign patterns are counted: 2^20, about a million. */
export const MOST_SIGN_FLIP_PAIRS = 20;

/**
 * Exact sign-flip permutation test of paired differences against 0, two-sided: the share of all 2^n sign patterns whose mean is at least as
 * far from 0 as the observed one. Assumes only that differences are symmetric around 0 if there is no effect.
 */
export function signFlipTest(differences: readonly number[]): number {
  const n = differences.length;
  if (n === 0 || n > MOST_SIGN_FLIP_PAIRS) throw new RangeError(`needs 1 to ${MOST_SIGN_FLIP_PAIRS} pairs, not ${n}`);
  const observed = Math.abs(differences.reduce((sum, d) => sum + d, 0));
  // Sums that are equal in exact arithmetic may differ by rounding.
  const bound = observed - 1e-12 * differences.reduce((sum, d) => sum + Math.abs(d), 0);
  // A pattern and its opposite are equally far from 0, so half of them are enough.
  const visit = (i: number, sum: number): number => {
    if (i === n) return Math.abs(sum) >= bound ? 1 : 0;
    return visit(i + 1, sum + differences[i]!) + visit(i + 1, sum - differences[i]!);
  };
  return visit(1, differences[0]!) / 2 ** (n - 1);
}

/** Percentile bootstrap interval of the mean, seeded (Efron 1979). Quantiles are interpolated linearly, as NumPy's are. */
export function bootstrapMean(
  values: readonly number[],
  options: { seed: number; level?: number; resamples?: number },
): Interval {
  const { seed, level = 0.95, resamples = 10_000 } = options;
  if (values.length === 0) throw new RangeError('no values');
  const generator = xoroshiro128plus(seed);
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[uniformInt(generator, 0, values.length - 1)]!;
    return sum / values.length;
  }).sort();
  return { mean: mean([...values]), low: quantile(means, (1 - level) / 2), high: quantile(means, (1 + level) / 2) };
}

function quantile(sorted: Float64Array, p: number): number {
  const at = p * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  return low + (at - below) * ((sorted[below + 1] ?? low) - low);
}
