import { type Factor, factorise, inverse, logDeterminant, solveLower, solveUpper } from './cholesky.ts';
import { covariance, type Hyperparameters, type Layout, matern52Slope, squared, squaredDistance } from './kernel.ts';
import type { Prior } from './priors.ts';

export interface Data {
  readonly points: readonly Float64Array[];
  /** Standardised: the model's mean is 0. */
  readonly values: Float64Array;
  /** Variance of each value beside the noise. Default none. */
  readonly extra?: Float64Array;
}

/** Hyperparameters as the optimiser sees them: logarithms of the length by dimension, of the scale, of the noise. */
export function unpack(theta: Float64Array): Hyperparameters {
  const dimensions = theta.length - 2;
  return {
    weights: theta.slice(0, dimensions).map((length) => Math.exp(-2 * length)),
    scale: Math.exp(theta[dimensions]!),
    noise: Math.exp(theta[dimensions + 1]!),
  };
}

/**
 * Minus the log of likelihood times prior (Rasmussen and Williams 2006, eq. 5.8 and 5.9), up to a constant, with its gradient by theta.
 * Infinite where the covariance is not positive definite in these numbers.
 */
export function negativeLogPosterior(
  { points, values, extra }: Data,
  layout: Layout,
  priors: readonly Prior[],
  theta: Float64Array,
  gradient: Float64Array,
): number {
  const hyper = unpack(theta);
  const n = points.length;
  const factor = factorise(covariance(points, hyper, layout, n, extra), n, n);
  if (factor === undefined) return Number.POSITIVE_INFINITY;
  const alpha = weightsOf(factor, values);
  gradient.fill(0);
  const fit = values.reduce((sum, v, i) => sum + v * alpha[i]!, 0);
  const inverted = inverse(factor);
  addLengthGradient(points, hyper, layout, alpha, inverted, gradient);
  // Scale and noise need no sums over pairs: K without its added diagonal is the scale times its derivative.
  const diagonal = alpha.map((a, i) => inverted[i * n + i]! - a * a);
  const trace = diagonal.reduce((sum, v) => sum + v, 0);
  const fromExtra = extra?.reduce((sum, v, i) => sum + v * diagonal[i]!, 0) ?? 0;
  gradient[layout.dimensions]! += 0.5 * (n - fit - hyper.noise * trace - fromExtra);
  gradient[layout.dimensions + 1]! += 0.5 * hyper.noise * trace;
  let value = 0.5 * (fit + logDeterminant(factor));
  priors.forEach(({ mean, deviation }, i) => {
    const away = (theta[i]! - mean) / deviation;
    value += 0.5 * away * away;
    gradient[i]! += away / deviation;
  });
  return value;
}

/** K^-1 y. */
export function weightsOf(factor: Factor, values: Float64Array): Float64Array {
  const alpha = values.slice();
  solveLower(factor, alpha);
  solveUpper(factor, alpha);
  return alpha;
}

/** Half the trace of (K^-1 - alpha alpha^T) dK/dtheta for each length; off-diagonal pairs count twice, the diagonal does not depend on lengths. */
function addLengthGradient(
  points: readonly Float64Array[],
  { weights, scale }: Hyperparameters,
  layout: Layout,
  alpha: Float64Array,
  inverted: Float64Array,
  gradient: Float64Array,
): void {
  const n = points.length;
  for (let i = 0; i < n; i++) {
    const a = points[i]!;
    for (let j = 0; j < i; j++) {
      const b = points[j]!;
      const outer = inverted[i * n + j]! - alpha[i]! * alpha[j]!;
      const slope = 2 * outer * scale * matern52Slope(squaredDistance(a, b, weights, layout));
      for (let d = 0; d < layout.dimensions; d++) gradient[d]! -= slope * weights[d]! * squared(a, b, d, layout);
    }
  }
}
