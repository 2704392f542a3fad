import type { Direction } from '../../space.ts';
import type { Trial } from '../../trial.ts';
import type { UnitCube } from '../../unit-cube.ts';
import { factorise, logDeterminant } from '../gp/cholesky.ts';
import { rankTrials } from '../ranking.ts';

/** A normal distribution on the unit cube: deviation `sigma` times a covariance matrix by rows. */
export interface Distribution {
  readonly mean: Float64Array;
  readonly sigma: number;
  readonly covariance: Float64Array;
}

/** Share of the source's trials that are taken as good, and deviation around each of them (Nomura et al. 2021: gamma and alpha). */
const goodShare = 0.1;
const nearness = 0.1;

export function wholeCube(dimensions: number, sigma: number): Distribution {
  return { mean: new Float64Array(dimensions).fill(0.5), sigma, covariance: identity(dimensions) };
}

/**
 * The normal distribution nearest to a mixture of one around each of the source's good trials (Nomura et al. 2021, eq. 10 and 11).
 *
 * @returns undefined if the source has no complete trial in this space
 */
export function promisingRegion(
  source: readonly Trial[],
  directions: readonly Direction[],
  cube: UnitCube,
): Distribution | undefined {
  const usable = source.filter(({ state, parameters }) => state === 'complete' && cube.contains(parameters));
  const ranked = rankTrials(usable, directions).flat();
  const good = ranked.slice(0, Math.max(1, Math.floor(goodShare * ranked.length)));
  const points = good.map(({ trial }) => cube.toPoint(trial.parameters).unit);
  const [first] = points;
  if (first === undefined) return undefined;
  const n = first.length;
  const mean = first.map((_, d) => points.reduce((sum, point) => sum + point[d]! / points.length, 0));
  const covariance = identity(n).map((v) => v * nearness ** 2);
  for (const point of points) {
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        covariance[i * n + j]! += ((point[i]! - mean[i]!) * (point[j]! - mean[j]!)) / points.length;
  }
  return { mean, ...withUnitDeterminant(covariance, n) };
}

/** The scale apart from the shape: sigma is the determinant's 2n-th root. */
function withUnitDeterminant(covariance: Float64Array, n: number): Omit<Distribution, 'mean'> {
  const factor = factorise(covariance.slice(), n, n)!;
  const sigma = Math.exp(logDeterminant(factor) / (2 * n));
  return { sigma, covariance: covariance.map((v) => v / sigma ** 2) };
}

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
}
