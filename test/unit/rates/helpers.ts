import fc from 'fast-check';
import { depthGroups } from '../../../lib/rates/depth.ts';
import type { RateDistribution } from '../../../lib/rates/distribution.ts';

/** A distribution over `rates.length` groups by depth, without base and provenance. */
export function byDepth(layers: number, rates: readonly number[]): RateDistribution {
  const groups = depthGroups(layers, rates.length);
  return {
    name: 'test',
    layers,
    groups,
    stages: [Object.fromEntries(groups.map((group, i) => [group.name, rates[i]!]))],
    provenance: {},
  };
}

/** Learning rates, log-uniform from 1e-8 to 1e-1. */
export const rateArbitrary = fc.double({ min: -8, max: -1, noNaN: true }).map((exponent) => 10 ** exponent);

/** Layers, and a number of groups by depth that they allow. */
export const layersAndGroups = fc
  .integer({ min: 1, max: 24 })
  .chain((layers) => fc.tuple(fc.constant(layers), fc.integer({ min: 1, max: layers + 2 })));

/** A distribution for models of `layers` layers with any grouping by depth and random rates, some frozen. */
export function distributionArbitrary(layers: number): fc.Arbitrary<RateDistribution> {
  return fc
    .array(fc.oneof({ weight: 4, arbitrary: rateArbitrary }, { weight: 1, arbitrary: fc.constant(0) }), {
      minLength: 1,
      maxLength: layers + 2,
    })
    .map((rates) => byDepth(layers, rates));
}
