import { LrdistError } from '../errors.ts';
import type { StoredStudy } from '../search/storage/storage.ts';
import type { PairSpecInput } from './spec.ts';

/** What a study does not record: where things are on this machine, and what does not change numbers. */
export interface PairPlaces {
  readonly model: string;
  readonly dataDir: string;
  readonly threads?: number;
  readonly cache?: string | false;
}

const recorded = [
  ...['tasks', 'maxTrainSamples', 'selectionRows', 'maxLength', 'mode', 'protocol', 'firstRates'],
  ...['training', 'firstTraining', 'space', 'penalty', 'objective', 'seed', 'session'],
] as const satisfies readonly (keyof PairSpecInput)[];

/**
 * The specification of a study's pair, from its record. Whether model and data are the same is seen when the study is opened with it.
 *
 * @throws ERR_PROTOCOL_MISMATCH for a study that is not over a pair of tasks
 */
export function storedSpec(study: StoredStudy, { model, dataDir, threads, cache }: PairPlaces): PairSpecInput {
  const { protocol } = study;
  if (!Array.isArray(protocol['tasks']) || protocol['tasks'].length !== 2 || protocol['training'] === undefined)
    throw new LrdistError('ERR_PROTOCOL_MISMATCH', `the study "${study.name}" is not a search over a pair of tasks`, {
      remedy: 'Workers join studies that lrdist search has begun.',
    });
  const settings = recorded.flatMap((key) => (protocol[key] === undefined ? [] : [[key, protocol[key]]]));
  const spec = Object.fromEntries(settings) as unknown as PairSpecInput;
  return {
    ...spec,
    model,
    dataDir,
    ...(protocol['first_stage'] === 'given' ? { firstModel: model } : {}),
    session: { ...spec.session, ...(threads === undefined ? {} : { threads }) },
    ...(cache === undefined ? {} : { cache }),
  };
}
