/** How far weights moved. */
import type { ModelParameter } from '../../train/model.ts';
import type { RateDistribution } from '../../rates/distribution.ts';
import type { DriftRecord, Measured } from '../../report/measures-record.ts';
import { byPart, groupParts, isBody, kindParts, layerParts, measured, type PairSums, sumsOf, total } from './parts.ts';

/** |a - b| / |b|; null where b is 0, as a new bias is. */
function relative([, , bb, distance]: PairSums): Measured {
  return bb === 0 ? null : measured(Math.sqrt(distance / bb));
}

/**
 * Drift of one replica: |w - w0| / |w0| over all numbers of a parameter or part.
 *
 * @param compared [K x P x 4] `session.compare(weights, start)`
 */
export function driftOf(
  compared: Float64Array,
  replica: number,
  parameters: readonly ModelParameter[],
  distribution?: RateDistribution,
): DriftRecord {
  const sums = sumsOf(compared, replica, parameters.length);
  const names = parameters.map(({ name }) => name);
  return {
    body: relative(total(sums.filter((_, p) => isBody(names[p]!)))),
    layers: byPart(layerParts(parameters), sums, relative),
    kinds: byPart(kindParts(parameters), sums, relative),
    ...(distribution === undefined ? {} : { groups: byPart(groupParts(parameters, distribution), sums, relative) }),
    parameters: byPart(names, sums, relative),
  };
}
