import { logImprovement } from './log-ei.ts';
import { type Model, predict } from './model.ts';
import { logNormalCdf, logNormalCdfSlope } from './normal-cdf.ts';

/** How promising a point is; its gradient is written if wanted. */
export type Acquisition = (x: Float64Array, gradient?: Float64Array) => number;

/** The objective's model with the value to improve on, both standardised. */
export interface Improvement {
  readonly model: Model;
  readonly incumbent: number;
}

/**
 * Log of the expected improvement times the probability that all constraints hold (Gardner et al. 2014). While no feasible point is known there is nothing to improve on: the probability alone.
 */
export function acquisition(improvement: Improvement | undefined, constraints: readonly Model[]): Acquisition {
  const terms = constraints.map(logFeasibility);
  if (improvement !== undefined) terms.push(logExpectedImprovement(improvement));
  return (x, gradient) => {
    gradient?.fill(0);
    return terms.reduce((sum, term) => sum + term(x, gradient), 0);
  };
}

/** Each term adds its gradient. */
function logExpectedImprovement({ model, incumbent }: Improvement): Acquisition {
  const slopes = slopesOf(model);
  return (x, gradient) => {
    const { mean, variance } = predict(model, x, gradient && slopes);
    const deviation = Math.sqrt(variance);
    const z = (incumbent - mean) / deviation;
    const [value, slope] = logImprovement(z);
    if (gradient !== undefined) addSlopes(gradient, slopes, -slope / deviation, (1 - z * slope) / (2 * variance));
    return value + Math.log(deviation);
  };
}

/** Log of the probability that the constraint's value is 0 or less. */
function logFeasibility(model: Model): Acquisition {
  const slopes = slopesOf(model);
  const border = -model.centre / model.spread;
  return (x, gradient) => {
    const { mean, variance } = predict(model, x, gradient && slopes);
    const deviation = Math.sqrt(variance);
    const z = (border - mean) / deviation;
    const slope = logNormalCdfSlope(z);
    if (gradient !== undefined) addSlopes(gradient, slopes, -slope / deviation, (-z * slope) / (2 * variance));
    return logNormalCdf(z);
  };
}

interface Slopes {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

function slopesOf({ layout: { dimensions } }: Model): Slopes {
  return { mean: new Float64Array(dimensions), variance: new Float64Array(dimensions) };
}

function addSlopes(gradient: Float64Array, { mean, variance }: Slopes, byMean: number, byVariance: number): void {
  for (let d = 0; d < gradient.length; d++) gradient[d]! += byMean * mean[d]! + byVariance * variance[d]!;
}
