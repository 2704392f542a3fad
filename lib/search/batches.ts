import { LrdistError } from '../errors.ts';
import { createRandom } from '../random.ts';
import { checkParameters } from './check-space.ts';
import type { Sampler } from './sampler.ts';
import type { LockedStudy, StudyDefinition } from './storage/storage.ts';
import { isFinished, type Json, type Trial } from './trial.ts';

/** How trials are put together: `batches` at once of `batchSize` trials each. */
export interface Width {
  readonly batchSize: number;
  readonly batches: number;
}

export interface BatchPlan extends Width {
  /** No trial is begun beyond so many; attached ones do not count. */
  readonly total: number;
  /** For lockstep: kept with every trial. */
  readonly round?: number;
}

/** Whether a trial was enqueued and nobody has put it into a batch. */
export function isQueued({ state, attributes }: Trial): boolean {
  return state === 'waiting' && attributes.batch === undefined;
}

/** Trials that were put into a batch, or started by other means. */
export function begunTrials(trials: readonly Trial[]): readonly Trial[] {
  return trials.filter((trial) => trial.origin !== 'attached' && !isQueued(trial));
}

/** Batches with trials to be done, by the number of the first trial; only those trials are in them. */
export function unfinishedBatches(trials: readonly Trial[]): readonly (readonly Trial[])[] {
  const batches = Map.groupBy(
    begunTrials(trials).filter((trial) => !isFinished(trial)),
    batchKey,
  );
  return [...batches.values()];
}

/** Equal for trials of the same batch. */
export function batchKey({ attributes, number }: Trial): string {
  return typeof attributes.batch === 'number' ? `batch ${attributes.batch}` : `trial ${number}`;
}

/** The width that was agreed on when the first round was made. */
export function agreedWidth(trials: readonly Trial[]): Width | undefined {
  for (const { attributes } of trials)
    if (Array.isArray(attributes.width)) {
      const [batchSize, batches] = attributes.width as [number, number];
      return { batchSize, batches };
    }
  return undefined;
}

/**
 * Makes the next batches under the study's lock: enqueued trials first, then what the sampler suggests.
 *
 * @returns how many trials are in them; 0 once the total is reached
 */
export async function addBatches(
  locked: LockedStudy,
  trials: readonly Trial[],
  { definition, sampler }: { readonly definition: StudyDefinition; readonly sampler: Sampler },
  { batchSize, batches, total, round }: BatchPlan,
): Promise<number> {
  const room = Math.min(total - begunTrials(trials).length, batchSize * batches);
  if (room <= 0) return 0;
  const queued = trials.filter(isQueued).slice(0, room);
  const suggested = suggest(definition, sampler, trials, room - queued.length);
  const first = 1 + trials.reduce((last, { attributes }) => Math.max(last, Number(attributes.batch ?? -1)), -1);
  const attributesOf = (seat: number): Record<string, Json> => ({
    batch: first + Math.floor(seat / batchSize),
    ...(round === undefined ? {} : { round, width: [batchSize, batches] }),
  });
  for (const [seat, { number }] of queued.entries()) await locked.annotate([number], attributesOf(seat));
  if (suggested.length > 0)
    await locked.add(
      suggested.map((parameters, i) => ({
        parameters,
        origin: 'sampled',
        attributes: attributesOf(queued.length + i),
      })),
    );
  return room;
}

/** Points for the next trials: a function of the study so far, its seed, and the number of the first new trial. */
function suggest(definition: StudyDefinition, sampler: Sampler, trials: readonly Trial[], count: number) {
  if (count === 0) return [];
  const { space, directions, seed } = definition;
  const random = createRandom(seed, trials.length);
  const points = sampler.suggest({ space, directions, trials, count, random });
  if (points.length !== count)
    throw new LrdistError('ERR_INVALID_OPTION', `sampler ${sampler.name}: gave ${points.length} points, not ${count}`);
  return points.map((point) => checkParameters(point, space));
}
