import { axesOf, type State, whiten } from './state.ts';

/** Weights and learning rates (Hansen 2016, table 1) with weights of 0 for the worse half. */
interface Rates {
  readonly weights: readonly number[];
  readonly effective: number;
  readonly sigmaRate: number;
  readonly damping: number;
  readonly pathRate: number;
  readonly rankOne: number;
  readonly rankMu: number;
  /** Expected length of a standard normal vector. */
  readonly expected: number;
}

export function ratesFor(n: number, population: number): Rates {
  const half = Math.floor(population / 2);
  const raw = Array.from({ length: half }, (_, i) => Math.log((population + 1) / 2) - Math.log(i + 1));
  const total = raw.reduce((sum, w) => sum + w, 0);
  const weights = raw.map((w) => w / total);
  const effective = 1 / weights.reduce((sum, w) => sum + w * w, 0);
  const sigmaRate = (effective + 2) / (n + effective + 5);
  const rankOne = 2 / ((n + 1.3) ** 2 + effective);
  return {
    weights,
    effective,
    sigmaRate,
    damping: 1 + 2 * Math.max(0, Math.sqrt((effective - 1) / (n + 1)) - 1) + sigmaRate,
    pathRate: (4 + effective / n) / (n + 4 + (2 * effective) / n),
    rankOne,
    rankMu: Math.min(1 - rankOne, (2 * (0.25 + effective + 1 / effective - 2)) / ((n + 2) ** 2 + effective)),
    expected: Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n)),
  };
}

/** Longest step that counts, in deviations: a point drawn from an older distribution may be far out in this one (Hansen 2011, arXiv 1110.4181, eq. 4). */
function longestStep(n: number): number {
  return Math.sqrt(n) + (2 * n) / (n + 2);
}

/** The next state from a generation's points, the best first (Hansen 2016, eq. 38 to 47). */
export function nextState(state: State, ranked: readonly Float64Array[]): State {
  const n = state.mean.length;
  const rates = ratesFor(n, ranked.length);
  const steps = ranked.slice(0, rates.weights.length).map((point) => stepTo(state, point));
  const step = state.mean.map((_, d) => steps.reduce((sum, y, i) => sum + rates.weights[i]! * y[d]!, 0));
  const generation = state.generation + 1;

  const sigmaPath = follow(state.sigmaPath, rates.sigmaRate, rates.effective, whiten(state, step));
  const length = Math.hypot(...sigmaPath);
  const settled = length / Math.sqrt(1 - (1 - rates.sigmaRate) ** (2 * generation)) / rates.expected;
  const isShort = settled < 1.4 + 2 / (n + 1);
  const still = new Float64Array(n);
  const covariancePath = follow(state.covariancePath, rates.pathRate, rates.effective, isShort ? step : still);
  const covariance = adapt(state.covariance, rates, covariancePath, isShort, steps);
  return {
    generation,
    mean: state.mean.map((v, d) => v + state.sigma * step[d]!),
    sigma: state.sigma * Math.exp(Math.min(1, (rates.sigmaRate / rates.damping) * (length / rates.expected - 1))),
    covariance,
    sigmaPath,
    covariancePath,
    ...axesOf(covariance, n),
  };
}

function stepTo(state: State, point: Float64Array): Float64Array {
  const y = point.map((v, d) => (v - state.mean[d]!) / state.sigma);
  const length = Math.hypot(...whiten(state, y));
  const shortened = Math.min(1, longestStep(y.length) / Math.max(length, Number.MIN_VALUE));
  return y.map((v) => v * shortened);
}

function follow(path: Float64Array, rate: number, effective: number, step: Float64Array): Float64Array {
  const weight = Math.sqrt(rate * (2 - rate) * effective);
  return path.map((v, d) => (1 - rate) * v + weight * step[d]!);
}

function adapt(
  covariance: Float64Array,
  { weights, pathRate, rankOne, rankMu }: Rates,
  path: Float64Array,
  isShort: boolean,
  steps: readonly Float64Array[],
): Float64Array {
  const n = path.length;
  // What a path that stands still would take away.
  const kept = 1 - rankOne - rankMu + (isShort ? 0 : rankOne * pathRate * (2 - pathRate));
  return covariance.map((v, k) => {
    const [i, j] = [Math.floor(k / n), k % n];
    const spread = steps.reduce((sum, y, s) => sum + weights[s]! * y[i]! * y[j]!, 0);
    return kept * v + rankOne * path[i]! * path[j]! + rankMu * spread;
  });
}
