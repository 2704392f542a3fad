import type { Random } from '../../random.ts';
import { logNormalMass, randomNormal } from '../normal.ts';
import {
  type CategoricalDimension,
  type CubePoint,
  fromUnit,
  type NumericDimension,
  toUnit,
  type UnitCube,
} from '../unit-cube.ts';

/** A density over a cube. */
export interface ParzenEstimator {
  sample(random: Random): CubePoint;
  /** Logarithm of the density at a point that `sample` of an estimator of the same cube gave; never -Infinity. */
  logDensity(point: CubePoint): number;
}

/** Weight of the kernel that covers the whole cube, where an observation has up to 1. */
const PRIOR = 1;

/**
 * A kernel for each observation and one for the prior, each a product over the dimensions: normal truncated to [0, 1], integrated over the cell for an integer, and for choices the
 * observed one with a little of all others. A kernel is as wide as the larger gap to its neighbours, but no narrower than 1 / min(100, kernels + 1), so that it always sees past the
 * best point (Bergstra et al., NeurIPS 2011; Watanabe, arXiv 2304.11127, sections 3.3 and 3.4).
 *
 * @param weights one for each observation
 */
export function parzenEstimator(
  cube: UnitCube,
  observations: readonly CubePoint[],
  weights: readonly number[],
): ParzenEstimator {
  const share = shares(weights);
  const logShare = share.map(Math.log);
  const numeric = cube.numeric.map((dimension, d) =>
    numericKernels(
      dimension,
      Float64Array.from(observations, ({ unit }) => unit[d]!),
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

function numericKernels({ parameter }: NumericDimension, observed: Float64Array): Kernels {
  const centre = Float64Array.of(...observed, 0.5);
  const width = Float64Array.of(...bandwidths(observed), 1);
  const logMass = centre.map((mu, k) => logNormalMass(-mu / width[k]!, (1 - mu) / width[k]!));
  const sample = (kernel: number, random: Random) => truncatedNormal(centre[kernel]!, width[kernel]!, random);

  if (parameter.kind === 'float') {
    const inverse = width.map((sigma) => 1 / sigma);
    const logPeak = width.map((sigma, k) => -Math.log(sigma * Math.sqrt(2 * Math.PI)) - logMass[k]!);
    return {
      sample,
      addLogDensity(at, to) {
        for (let k = 0; k < to.length; k++) {
          const z = (at - centre[k]!) * inverse[k]!;
          to[k]! += logPeak[k]! - 0.5 * z * z;
        }
      },
    };
  }
  const masses = new Map<number, Float64Array>();
  return {
    sample: (kernel, random) => toUnit(fromUnit(sample(kernel, random), parameter), parameter),
    addLogDensity(at, to) {
      const value = fromUnit(at, parameter);
      if (!masses.has(value)) {
        const [from, until] = [toUnit(value - 0.5, parameter), toUnit(value + 0.5, parameter)];
        masses.set(
          value,
          cellMasses(centre, width, from, until).map((mass, k) => mass - logMass[k]!),
        );
      }
      const known = masses.get(value)!;
      for (let k = 0; k < to.length; k++) to[k]! += known[k]!;
    },
  };
}

/** Of many kernels of an integer, most are alike: each is computed once. */
function cellMasses(centre: Float64Array, width: Float64Array, from: number, until: number): Float64Array {
  const known = new Map<number, Map<number, number>>();
  return centre.map((mu, k) => {
    const sigma = width[k]!;
    const ofCentre = known.get(mu) ?? new Map<number, number>();
    known.set(mu, ofCentre);
    const mass = ofCentre.get(sigma) ?? logNormalMass((from - mu) / sigma, (until - mu) / sigma);
    ofCentre.set(sigma, mass);
    return mass;
  });
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
function bandwidths(observed: Float64Array): Float64Array {
  const count = observed.length;
  const widths = new Float64Array(count);
  const narrowest = 1 / Math.min(100, count + 2);
  if (count === 1) return widths.fill(Math.max(observed[0]!, 1 - observed[0]!, narrowest));
  const order = Array.from(observed, (_, i) => i).sort((a, b) => observed[a]! - observed[b]!);
  const gap = (i: number) => (i < 0 || i + 1 >= count ? 0 : observed[order[i + 1]!]! - observed[order[i]!]!);
  order.forEach((index, i) => (widths[index] = Math.max(gap(i - 1), gap(i), narrowest)));
  return widths;
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
  return Float64Array.of(...weights, PRIOR).map((weight) => weight / total);
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
