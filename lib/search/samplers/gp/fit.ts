import type { Random } from '../../../random.ts';
import { shuffledOrder } from '../../../random.ts';
import { randomNormal } from '../../normal.ts';
import type { Hyperparameters, Layout } from './kernel.ts';
import { type Data, negativeLogPosterior, unpack } from './likelihood.ts';
import { type Bounds, minimize } from './minimize.ts';
import { defaultPriors, lengthRange, noiseRange, type Prior, scaleRange } from './priors.ts';

/** Hyperparameters are fitted to at most so many points; the model then uses all. */
const fittedPoints = 100;
const restarts = 3;
const iterations = 40;

/**
 * The most probable hyperparameters: from the prior's middle and from draws of it, by L-BFGS. With more than 100 points, the 50 lowest and 50 of the others by chance are fitted:
 * what is asked for is the neighbourhood of the minimum, and the cost of a fit stays bounded.
 */
export function fitHyperparameters(data: Data, layout: Layout, random: Random): Hyperparameters {
  const priors = defaultPriors(layout.dimensions);
  const bounds = thetaBounds(layout.dimensions);
  const subset = fewer(data, random);
  let best: { x: Float64Array; value: number } | undefined;
  for (let restart = 0; restart < restarts; restart++) {
    const start = startingPoint(priors, restart, random);
    const found = minimize(
      (theta, gradient) => negativeLogPosterior(subset, layout, priors, theta, gradient),
      start,
      bounds,
      iterations,
    );
    if (best === undefined || found.value < best.value) best = found;
  }
  return unpack(best!.x);
}

function startingPoint(priors: readonly Prior[], restart: number, random: Random): Float64Array {
  // Half the prior's deviation: starts that are far out end in flat places.
  return Float64Array.from(
    priors,
    ({ mean, deviation }) => mean + (restart === 0 ? 0 : 0.5 * deviation * randomNormal(random)),
  );
}

function thetaBounds(dimensions: number): Bounds {
  const ranges = [...Array.from({ length: dimensions }, () => lengthRange), scaleRange, noiseRange];
  return { low: Float64Array.from(ranges, ({ low }) => low), high: Float64Array.from(ranges, ({ high }) => high) };
}

function fewer(data: Data, random: Random): Data {
  const n = data.points.length;
  if (n <= fittedPoints) return data;
  const byValue = Array.from(data.values, (_, i) => i).sort((a, b) => data.values[a]! - data.values[b]!);
  const half = fittedPoints / 2;
  const rest = byValue.slice(half);
  const order = shuffledOrder(rest.length, random.int(2 ** 31));
  const chosen = [...byValue.slice(0, half), ...Array.from(order.subarray(0, half), (i) => rest[i]!)];
  return {
    points: chosen.map((i) => data.points[i]!),
    values: Float64Array.from(chosen, (i) => data.values[i]!),
    ...(data.extra && { extra: Float64Array.from(chosen, (i) => data.extra![i]!) }),
  };
}
