/** Points that a search tries before its own: flat rates and the known shapes. */
import { isLrdistError } from '../errors.ts';
import { flat, type RateDistribution } from '../rates/distribution.ts';
import { findPreset, fromPreset } from '../rates/presets.ts';
import type { Parameters } from '../search/space.ts';
import type { RateSpace } from './rate-space.ts';

/** Trial 0 is the paper's first: flat 1e-5. The others are the grid that a tuned flat rate is taken from. */
export const flatGrid: readonly number[] = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3];

/** Shapes worth a trial, at the base of the first stage. */
const shapes = ['fast-head', 'llrd-0.9', 'paper-rounded'];

/** @param base of the shapes */
export function knownDistributions(layers: number, base: number): readonly RateDistribution[] {
  return [
    ...flatGrid.map((rate) => flat(rate, layers)),
    ...shapes.map((name) => fromPreset(findPreset(name)!, layers, base)),
  ];
}

export interface KnownPoint {
  readonly distribution: RateDistribution;
  readonly parameters: Parameters;
}

/** What the space can express of these within `tolerance`, a factor; the others are left out and named. */
export function knownPoints(
  space: RateSpace,
  distributions: readonly RateDistribution[],
  tolerance = 1.05,
): { readonly points: readonly KnownPoint[]; readonly left: readonly string[] } {
  const points: KnownPoint[] = [];
  const left: string[] = [];
  const seen = new Set<string>();
  for (const distribution of distributions) {
    const parameters = encoded(space, distribution, tolerance);
    if (parameters === undefined) left.push(distribution.name);
    else if (!seen.has(JSON.stringify(parameters))) {
      seen.add(JSON.stringify(parameters));
      points.push({ distribution, parameters });
    }
  }
  return { points, left };
}

function encoded(space: RateSpace, distribution: RateDistribution, tolerance: number): Parameters | undefined {
  try {
    const { parameters, factor } = space.encode(distribution);
    return factor <= tolerance ? parameters : undefined;
  } catch (error) {
    if (isLrdistError(error)) return undefined;
    throw error;
  }
}
