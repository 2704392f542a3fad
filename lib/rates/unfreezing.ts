import { LrdistError } from '../errors.ts';
import { depthCount, layerGroups } from './depth.ts';
import type { RateDistribution } from './distribution.ts';
import { layoutOf } from './parametrisations/index.ts';
import type { Phase } from './phases.ts';
import { convert } from './regroup.ts';

/**
 * Gradual unfreezing (Howard and Ruder, ACL 2018, arXiv 1801.06146): the heads learn first, and every so many steps the next lower
 * depth joins, the embeddings last.
 *
 * A group that waits is frozen, not given steps of size 0: it has no gradient, no moments, no decay and no part in the clip norm, its forward pass needs no
 * saved activations, and when it joins its Adam count starts at 0. With a factor of 0 in the schedule its moments would have been
 * filled with gradients of weights that never moved. So this gives phases, which a run turns into one plan for each.
 *
 * @param every share of the stage's steps between one depth and the next, above 0
 * @param distribution for the number of layers that the model has (see forLayers)
 * @returns the distribution with phases; groups by depth are cut to layers first, which changes no rate
 * @throws LrdistError ERR_INVALID_OPTION if the lowest depth would not join before the end, or if there is one depth only
 */
export function unfreezeGradually(distribution: RateDistribution, every: number): RateDistribution {
  if (distribution.phases !== undefined)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `unfreeze: "${distribution.name}" already changes its rates during training`,
      { remedy: 'Take a distribution without phases, or leave out --unfreeze.' },
    );
  const fine =
    depthCount(distribution.groups, distribution.layers) === undefined
      ? distribution
      : convert(distribution, { groups: layerGroups(distribution.layers) }).distribution;
  const { depths } = layoutOf(fine.groups, fine.layers);
  return {
    ...fine,
    phases: unfreezingPhases(
      fine.groups.map(({ name }) => name),
      depths,
      every,
    ),
    provenance: { ...distribution.provenance, unfreezing: { every, source: 'arXiv 1801.06146' } },
  };
}

/** The phases: 1 for the groups that have joined, 0 for those that wait. Groups at the same depth join together. */
export function unfreezingPhases(names: readonly string[], depths: readonly number[], every: number): Phase[] {
  const order = [...new Set(depths)].sort((a, b) => b - a);
  if (order.length < 2)
    throw new LrdistError('ERR_INVALID_OPTION', 'unfreeze: the groups all lie at one depth', {
      remedy: 'Use groups by depth or layer.',
    });
  if (!(every > 0 && every * (order.length - 1) < 1)) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `unfreeze: with ${every} of the run between them, the lowest of ${order.length} depths would ${every > 0 ? 'not join before the end' : 'join at once'}`,
      {
        remedy: `Wait above 0 and less than ${(1 / (order.length - 1)).toPrecision(3)} of the run between two depths.`,
      },
    );
  }
  return order.map((depth, i) => ({
    from: i * every,
    factors: Object.fromEntries(names.map((name, g) => [name, Number(depths[g]! >= depth)])),
  }));
}
