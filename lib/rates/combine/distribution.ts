import { tensorNames } from '../cover.ts';
import type { RateDistribution } from '../distribution.ts';
import { assign, type GroupSpec } from '../groups.ts';
import type { TableGroups } from './groups.ts';
import { geometricMean } from './mean.ts';

/** Combined rates as a distribution whose base is the level of the encoder layers. */
export function distributionOf(
  name: string,
  { groups, layers }: TableGroups,
  rates: readonly number[],
  provenance: RateDistribution['provenance'],
): RateDistribution {
  const base = levelOf(groups, layers, rates);
  return {
    name,
    layers,
    groups,
    stages: [Object.fromEntries(groups.map((group, g) => [group.name, rates[g]!]))],
    ...(base === undefined ? {} : { base }),
    provenance: {
      ...(base === undefined ? {} : { base_means: 'the geometric mean of the rates of the encoder layers' }),
      ...provenance,
    },
  };
}

/** Geometric mean over the tensors of the encoder layers that learn; undefined where none does. */
function levelOf(groups: readonly GroupSpec[], layers: number, rates: readonly number[]): number | undefined {
  const names = tensorNames(layers);
  const groupOf = assign(names, groups);
  const body = names.flatMap((name, p) => (name.startsWith('bert.encoder.') ? [rates[groupOf[p]!]!] : []));
  const learning = body.filter((rate) => rate > 0);
  return learning.length === 0 ? undefined : geometricMean(learning).rate;
}
