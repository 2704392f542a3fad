import { LrdistError } from '../errors.ts';
import type { RateDistribution, Rates } from '../rates/distribution.ts';
import { parseGrouping } from '../rates/groupings.ts';
import type { StoredStudy } from '../search/storage/storage.ts';
import type { Trial } from '../search/trial.ts';

/**
 * What a trial trained with, with its scores and its study as provenance.
 *
 * @throws ERR_PROTOCOL_MISMATCH for a trial that has no rates: of another kind of study, or one that did not finish
 */
export function trialDistribution(study: StoredStudy, trial: Trial): RateDistribution {
  const { space, layers } = study.protocol as {
    readonly space?: { readonly grouping?: unknown };
    readonly layers?: unknown;
  };
  const rates = trial.attributes['rates'] as readonly Rates[] | undefined;
  if (rates === undefined || typeof space?.grouping !== 'string' || typeof layers !== 'number')
    throw new LrdistError('ERR_PROTOCOL_MISMATCH', `trial ${trial.number} of "${study.name}" has no rates`, {
      remedy: 'Only finished trials of studies made by lrdist search have them.',
    });
  const attributes = Object.fromEntries(Object.entries(trial.attributes).filter(([key]) => key !== 'rates'));
  const { name, objectives, protocol } = study;
  return {
    name: `${name}#${trial.number}`,
    layers,
    groups: parseGrouping(space.grouping).groups(layers),
    stages: rates,
    provenance: {
      study: name,
      trial: trial.number,
      values: Object.fromEntries(objectives.map((objective, i) => [objective, trial.values?.[i] ?? null])),
      parameters: trial.parameters,
      attributes,
      protocol,
    },
  };
}
