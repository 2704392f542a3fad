import { erfcx } from '../../normal.ts';

/** The density of the standard normal distribution at 0. */
export const peakDensity = 1 / Math.sqrt(2 * Math.PI);

/** Logarithm of the standard normal distribution function, exact far out on the left too. */
export function logNormalCdf(z: number): number {
  if (z > 0) return Math.log1p(-0.5 * erfcx(z * Math.SQRT1_2) * Math.exp(-0.5 * z * z));
  return Math.log(0.5 * erfcx(-z * Math.SQRT1_2)) - 0.5 * z * z;
}

/** Its derivative: the inverse of Mills' ratio. */
export function logNormalCdfSlope(z: number): number {
  if (z > 0) return peakDensity * Math.exp(-0.5 * z * z - logNormalCdf(z));
  return (2 * peakDensity) / erfcx(-z * Math.SQRT1_2);
}
