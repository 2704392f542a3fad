/** Of a logarithm: a normal distribution. */
export interface Prior {
  readonly mean: number;
  readonly deviation: number;
}

/**
 * By dimension for the length, then for the scale and the noise. Values are standardised, so the scale is near 1. Lengths grow with the root of the number of dimensions, which keeps the
 * model from being blind in many of them: the middle is the mode of Hvarfner, Hellsten and Nardi (2024, arXiv 2402.02229). The deviation is less than theirs (1.7): else a dimension that has not
 * mattered yet is soon given up. The noise may be anything from nearly none to nearly all.
 */
export function defaultPriors(dimensions: number): readonly Prior[] {
  const length: Prior = { mean: Math.SQRT2 - 3 + 0.5 * Math.log(dimensions), deviation: 0.8 };
  return [...Array.from({ length: dimensions }, () => length), { mean: 0, deviation: 1 }, { mean: -4, deviation: 2 }];
}

/** Lowest and highest logarithms, where numbers still behave. */
export const lengthRange = { low: Math.log(0.005), high: Math.log(300) };
export const scaleRange = { low: Math.log(0.05), high: Math.log(50) };
/** The lowest keeps the covariance positive definite where points lie close. */
export const noiseRange = { low: Math.log(1e-6), high: Math.log(4) };
