import { LrdistError } from '../errors.ts';
import type { JobResult } from './executor.ts';
import type { Outcome, StudyDefinition } from './storage/storage.ts';
import type { Json, TrialReport } from './trial.ts';

/** How a trial ended, as it is told: the values in the order of the objectives, or the value of the only one, or a state. */
export type Told =
  | number
  | readonly number[]
  | {
      readonly state: 'complete';
      readonly values: number | readonly number[];
      readonly constraints?: readonly number[];
      readonly attributes?: Readonly<Record<string, Json>>;
    }
  | { readonly state: 'pruned'; readonly attributes?: Readonly<Record<string, Json>> }
  | { readonly state: 'failed'; readonly error: string; readonly attributes?: Readonly<Record<string, Json>> };

type Finished = Exclude<Told, number | readonly number[]>;

export function asFinished(told: Told): Finished {
  return isValues(told) ? { state: 'complete', values: told } : told;
}

/**
 * What is recorded. Values that are not finite make a failed trial; a pruned trial's values are those of its last report.
 *
 * @throws LrdistError ERR_INVALID_OPTION for a wrong number of values
 */
export function toOutcome(
  told: Finished | JobResult,
  study: StudyDefinition,
  lastReport: TrialReport | undefined,
): Outcome {
  checkAttributes(told.attributes);
  const attributes = told.attributes === undefined ? {} : { attributes: told.attributes };
  if (told.state === 'failed') return { state: 'failed', values: null, error: told.error, ...attributes };
  if (told.state === 'pruned') {
    const values = lastReport?.values.every(Number.isFinite) ? lastReport.values : null;
    return { state: 'pruned', values, ...attributes };
  }
  const values = checkValues(told.values, study);
  const all = [...values, ...(told.constraints ?? [])];
  if (!all.every(Number.isFinite))
    return { state: 'failed', values: null, error: notFinite(values, told.constraints, study), ...attributes };
  return { state: 'complete', values, constraints: told.constraints ?? null, ...attributes };
}

/**
 * One number for each objective.
 *
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function checkValues(values: unknown, { objectives }: StudyDefinition): readonly number[] {
  const list: readonly unknown[] = Array.isArray(values) ? values : [values];
  if (list.length === objectives.length && list.every((value) => typeof value === 'number')) return list;
  throw new LrdistError(
    'ERR_INVALID_OPTION',
    `values: expected ${objectives.length} number${objectives.length > 1 ? 's' : ''} (${objectives.join(', ')}), received ${JSON.stringify(values)}`,
    { remedy: 'Give one number for each objective, in their order.' },
  );
}

/** Kept by the study itself. */
const reserved = ['batch', 'round', 'width', 'notFinite'];

function checkAttributes(attributes: Readonly<Record<string, Json>> = {}): void {
  const taken = reserved.find((name) => Object.hasOwn(attributes, name));
  if (taken === undefined) return;
  throw new LrdistError('ERR_INVALID_OPTION', `attributes.${taken}: the study keeps this one itself`, {
    remedy: `Choose another name than ${reserved.join(', ')}.`,
  });
}

function notFinite(
  values: readonly number[],
  constraints: readonly number[] = [],
  { objectives }: StudyDefinition,
): string {
  const wrong = [
    ...values.map((value, i) => [objectives[i]!, value] as const),
    ...constraints.map((value, i) => [`constraint ${i}`, value] as const),
  ].filter(([, value]) => !Number.isFinite(value));
  return `not finite: ${wrong.map(([name, value]) => `${name} is ${value}`).join(', ')}`;
}

function isValues(told: Told): told is number | readonly number[] {
  return typeof told === 'number' || Array.isArray(told);
}
