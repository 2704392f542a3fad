import type { Random } from '../../random.ts';
import { logNormalMass, randomNormal } from '../normal.ts';
import type { CategoricalDimension, CubePoint, NumericDimension, UnitCube } from '../unit-cube.ts';

/** A density over a cube. */
export interface ParzenEstimator {
  sample(random: Random): CubePoint;
  /** Logarithm of the density at a point that `sample` of an estimator of the same cube gave; never -Infinity. */
  logDensity(point: CubePoint): number;
}

/** Weight of the kernel that covers the whole cube, where an observation has up to 1. */
const PRIOR = 1;

/**
 * No kernel is narrower, as a share of the range. Bergstra et al. and Optuna have 1 / (kernels + 1), down to 1 / 100: of the few good trials that is a sixth of the range, which keeps the search from coming closer; of the
 * many others it is so narrow that any place between two of them counts as new. One width for both did better on the functions of bench/experiments/samplers.ts; from 0.05 to 0.08 it hardly mattered which.
 */
const NARROWEST = 0.06;

/**
 * A kernel for each observation and one for the prior, each a product over the dimensions: normal truncated to [0, 1], integrated over the cell for an integer, and for choices the
 * observed one with a little of all others. A kernel is as wide as the larger gap to its neighbours, but not too narrow, so that it always sees past the best point (Bergstra et al., NeurIPS 2011; Watanabe,
 * arXiv 2304.11127, sections 3.3 and 3.4).
 *
 * @param weights one for each observation
 * @param narrowest width of a kernel, as a share of the range
 */
export function parzenEstimator(
  cube: UnitCube,
  observations: readonly CubePoint[],
  weights: readonly number[],
  narrowest = NARROWEST,
): ParzenEstimator {
  const share = shares(weights);
  const logShare = share.map(Math.log);
  const numeric = cube.numeric.map((dimension, d) =>
    numericKernels(
      dimension,
      Float64Array.from(observations, ({ unit }) => unit[d]!),
      narrowest,
    ),
  );
  const categorical = cube.categorical.map((dimension, d) =>
    categoricalKernels(
      dimension,
      Int32Array.from(observations, ({ choices }) => choices[d]!),
    ),
  );
  const logDensities = new Float64Array(share.length);
  return {
    sample(random) {
      const kernel = pick(share, random);
      return {
        unit: Float64Array.from(numeric, (kernels) => kernels.sample(kernel, random)),
        choices: Int32Array.from(categorical, (kernels) => kernels.sample(kernel, random)),
      };
    },
    logDensity({ unit, choices }) {
      logDensities.set(logShare);
      numeric.forEach((kernels, d) => kernels.addLogDensity(unit[d]!, logDensities));
      categorical.forEach((kernels, d) => kernels.addLogDensity(choices[d]!, logDensities));
      return logSumExp(logDensities);
    },
  };
}

/** One dimension of all kernels; the last is the prior's. */
interface Kernels {
  sample(kernel: number, random: Random): number;
  addLogDensity(at: number, to: Float64Array): void;
}

function numericKernels(dimension: NumericDimension, observed: Float64Array, narrowest: number): Kernels {
  const order = ascending(observed);
  const centre = withPrior(observed, 0.5);
  const width = withPrior(bandwidths(observed, order, narrowest), 1);
  const logMass = centre.map((mu, k) => logNormalMass(-mu / width[k]!, (1 - mu) / width[k]!));
  const sample = (kernel: number, random: Random) => truncatedNormal(centre[kernel]!, width[kernel]!, random);
  if (dimension.parameter.kind === 'float') return { sample, addLogDensity: densities(centre, width, logMass) };

  const { toUnit, fromUnit } = dimension;
  const known = new Map<number, Float64Array>();
  return {
    sample: (kernel, random) => toUnit(fromUnit(sample(kernel, random))),
    addLogDensity(at, to) {
      const value = fromUnit(at);
      const masses = known.get(value) ?? cellMasses(centre, width, order, toUnit(value - 0.5), toUnit(value + 0.5));
      known.set(value, masses);
      for (let k = 0; k < to.length; k++) to[k]! += masses[k]! - logMass[k]!;
    },
  };
}

function densities(centre: Float64Array, width: Float64Array, logMass: Float64Array): Kernels['addLogDensity'] {
  const inverse = width.map((sigma) => 1 / sigma);
  const logPeak = width.map((sigma, k) => -Math.log(sigma * Math.sqrt(2 * Math.PI)) - logMass[k]!);
  return (at, to) => {
    for (let k = 0; k < to.length; k++) {
      const z = (at - centre[k]!) * inverse[k]!;
      to[k]! += logPeak[k]! - 0.5 * z * z;
    }
  };
}

/** Untruncated mass of each kernel in the cell of an integer. Observations of few integers have few different kernels, which are neighbours in order: each is computed once. */
function cellMasses(
  centre: Float64Array,
  width: Float64Array,
  order: Uint32Array,
  from: number,
  until: number,
): Float64Array {
  const masses = new Float64Array(centre.length);
  let last = order.length;
  for (const k of [order.length, ...order]) {
    const [mu, sigma] = [centre[k]!, width[k]!];
    const isSame = k !== last && mu === centre[last] && sigma === width[last];
    masses[k] = isSame ? masses[last]! : logNormalMass((from - mu) / sigma, (until - mu) / sigma);
    last = k;
  }
  return masses;
}

function categoricalKernels({ choices }: CategoricalDimension, observed: Int32Array): Kernels {
  const each = PRIOR / (observed.length + 1);
  const total = 1 + choices.length * each;
  const [own, other, prior] = [Math.log((1 + each) / total), Math.log(each / total), -Math.log(choices.length)];
  return {
    sample(kernel, random) {
      const isPrior = kernel === observed.length;
      return !isPrior && random.float() * total < 1 ? observed[kernel]! : random.int(choices.length);
    },
    addLogDensity(at, to) {
      observed.forEach((choice, k) => (to[k]! += choice === at ? own : other));
      to[observed.length]! += prior;
    },
  };
}

/** The larger of the gaps to the observations below and above; the ends of the range count only for an observation alone. */
function bandwidths(observed: Float64Array, order: Uint32Array, narrowest: number): Float64Array {
  const count = observed.length;
  const widths = new Float64Array(count);
  if (count === 1) return widths.fill(Math.max(observed[0]!, 1 - observed[0]!, narrowest));
  let gapBelow = 0;
  for (let i = 0; i < count; i++) {
    const own = order[i]!;
    const gapAbove = i + 1 < count ? observed[order[i + 1]!]! - observed[own]! : 0;
    widths[own] = Math.max(gapBelow, gapAbove, narrowest);
    gapBelow = gapAbove;
  }
  return widths;
}

function ascending(values: Float64Array): Uint32Array {
  return Uint32Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!);
}

function withPrior(values: Float64Array, prior: number): Float64Array {
  const all = new Float64Array(values.length + 1);
  all.set(values);
  all[values.length] = prior;
  return all;
}

/** At least a third of the normal lies within, since its centre does and it is no wider than the range: rejection is quick. */
function truncatedNormal(centre: number, width: number, random: Random): number {
  for (;;) {
    const at = centre + width * randomNormal(random);
    if (at >= 0 && at <= 1) return at;
  }
}

/** Weights of the observations and the prior, as shares of 1. */
function shares(weights: readonly number[]): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, PRIOR);
  return withPrior(Float64Array.from(weights), PRIOR).map((weight) => weight / total);
}

function pick(share: Float64Array, random: Random): number {
  let rest = random.float();
  for (let k = 0; k < share.length - 1; k++) {
    rest -= share[k]!;
    if (rest < 0) return k;
  }
  return share.length - 1;
}

function logSumExp(values: Float64Array): number {
  let highest = -Infinity;
  for (const value of values) if (value > highest) highest = value;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - highest);
  return highest + Math.log(sum);
}
