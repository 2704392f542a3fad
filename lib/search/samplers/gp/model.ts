import type { Random } from '../../../random.ts';
import { appendRow, type Factor, factorise, solveLower, solveUpper } from './cholesky.ts';
import { fitHyperparameters } from './fit.ts';
import { covariance, type Hyperparameters, type Layout, matern52, matern52Slope, squaredDistance } from './kernel.ts';
import { type Data, weightsOf } from './likelihood.ts';

/** A Gaussian process given its points. Values are standardised by `centre` and `spread`. */
export interface Model {
  readonly layout: Layout;
  readonly hyper: Hyperparameters;
  readonly points: readonly Float64Array[];
  /** K^-1 y. */
  readonly alpha: Float64Array;
  readonly factor: Factor;
  readonly centre: number;
  readonly spread: number;
}

/** Mean and variance of the noise-free value at a point; with their gradients by its coordinates where asked for. */
export interface Prediction {
  readonly mean: number;
  readonly variance: number;
}

export interface PredictionGradient {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** A fitted model with room for `room` more points. */
export function fitModel({ points, values, extra }: Data, layout: Layout, room: number, random: Random): Model {
  const { standard, centre, spread } = standardise(values);
  const data = { points, values: standard, ...(extra && { extra: extra.map((v) => v / (spread * spread)) }) };
  return { ...condition(data, layout, fitHyperparameters(data, layout, random), room), centre, spread };
}

/** The model with given hyperparameters, on its own scale. */
export function condition(
  { points, values, extra }: Data,
  layout: Layout,
  hyper: Hyperparameters,
  room: number,
): Model {
  const size = points.length;
  // Fitted on a part of the points, the noise may be too low for all of them.
  for (let noise = hyper.noise; ; noise *= 10) {
    const used = { ...hyper, noise };
    const factor = factorise(covariance(points, used, layout, size + room, extra), size, size + room);
    if (factor === undefined) continue;
    return { layout, hyper: used, points, factor, alpha: weightsOf(factor, values), centre: 0, spread: 1 };
  }
}

/** The model as if `point` had been seen with its expected value (kriging believer; Ginsbourger et al. 2010): the mean stays as it is, the variance around falls. */
export function believe(model: Model, point: Float64Array): Model {
  const { hyper, layout, points, alpha } = model;
  const row = Float64Array.from([...correlations(model, point), hyper.scale + hyper.noise]);
  const factor = appendRow(model.factor, row, hyper.noise);
  return { ...model, layout, points: [...points, point], factor, alpha: Float64Array.from([...alpha, 0]) };
}

export function predictMean(model: Model, x: Float64Array): number {
  const { alpha } = model;
  return correlations(model, x).reduce((sum, k, i) => sum + k * alpha[i]!, 0);
}

/** @param gradient is overwritten; its categorical part is 0 */
export function predict(model: Model, x: Float64Array, gradient?: PredictionGradient): Prediction {
  const { points, alpha, factor, hyper, layout } = model;
  const k = correlations(model, x);
  let mean = 0;
  for (let i = 0; i < k.length; i++) mean += k[i]! * alpha[i]!;
  const v = k.slice();
  solveLower(factor, v);
  let explained = 0;
  for (let i = 0; i < v.length; i++) explained += v[i]! * v[i]!;
  if (gradient !== undefined) {
    solveUpper(factor, v);
    gradient.mean.fill(0);
    gradient.variance.fill(0);
    points.forEach((point, i) => {
      const slope = 2 * hyper.scale * matern52Slope(squaredDistance(x, point, hyper.weights, layout));
      const bySquare = [slope * alpha[i]!, -2 * slope * v[i]!] as const;
      for (let d = 0; d < layout.numeric; d++) {
        const along = hyper.weights[d]! * (x[d]! - point[d]!);
        gradient.mean[d]! += bySquare[0] * along;
        gradient.variance[d]! += bySquare[1] * along;
      }
    });
  }
  return { mean, variance: Math.max(hyper.scale - explained, 1e-12 * hyper.scale) };
}

function correlations({ points, hyper, layout }: Model, x: Float64Array): Float64Array {
  const k = new Float64Array(points.length);
  for (let i = 0; i < k.length; i++)
    k[i] = hyper.scale * matern52(squaredDistance(x, points[i]!, hyper.weights, layout));
  return k;
}

/** All equal values stay at 0. */
export function standardise(values: Float64Array): {
  readonly standard: Float64Array;
  readonly centre: number;
  readonly spread: number;
} {
  const centre = values.reduce((sum, v) => sum + v, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - centre) ** 2, 0) / values.length);
  const spread = deviation > 0 ? deviation : 1;
  return { standard: values.map((v) => (v - centre) / spread), centre, spread };
}
