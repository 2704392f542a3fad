import { differences, mean, pairedT, standardDeviation } from '../metrics/statistics.ts';

/** Mean and standard deviation over seeds. */
export interface Spread {
  readonly n: number;
  /** NaN with no value. */
  readonly mean: number;
  /** Of the sample (n - 1); null with fewer than two values. */
  readonly sd: number | null;
}

/** A mean with its two-sided 95 % interval by Student's t; the bounds are null with fewer than two values. */
export interface Interval extends Spread {
  readonly low: number | null;
  readonly high: number | null;
}

/** Values that are not finite are left out, and n counts the rest. */
export function spread(values: readonly number[]): Spread {
  const finite = values.filter(Number.isFinite);
  const n = finite.length;
  return { n, mean: n === 0 ? NaN : mean(finite), sd: n < 2 ? null : standardDeviation(finite) };
}

/** Mean of `values[i] - reference[i]` over the pairs in which both are finite. */
export function pairedDifference(values: readonly number[], reference: readonly number[]): Interval {
  const pairs = differences([...reference], [...values]).filter(Number.isFinite);
  if (pairs.length < 2) return { ...spread(pairs), low: null, high: null };
  const { low, high } = pairedT(pairs);
  return { ...spread(pairs), low, high };
}

/** Which way a difference goes, if its interval lets us say: 0 where it covers 0 or is unknown. */
export function direction({ low, high }: Pick<Interval, 'low' | 'high'>): -1 | 0 | 1 {
  if (low === null || high === null) return 0;
  return low > 0 ? 1 : high < 0 ? -1 : 0;
}
