import { LrdistError, nearest } from '../../errors.ts';
import type { Parameter, ParameterValue, Space } from '../space.ts';
import type { TrialReport } from '../trial.ts';
import type { ClaimOptions, FinishedTrial, NewTrial, Outcome, StudyDefinition } from './storage.ts';

/** The rules for what may be stored, the same for every kind of storage. */

function refuse(message: string, remedy?: string): never {
  throw new LrdistError('ERR_INVALID_OPTION', message, remedy === undefined ? {} : { remedy });
}

/**
 * A deeply frozen copy as JSON gives it back, so that every storage returns the same and nobody can change a record.
 * @throws ERR_INVALID_OPTION where JSON would lose something: NaN, Infinity, undefined, functions
 */
export function frozenCopy<T>(value: T, what: string): T {
  checkJson(value, what);
  return freeze(JSON.parse(JSON.stringify(value)) as T);
}

function checkJson(value: unknown, what: string): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') return checkFinite(value, what);
  if (typeof value !== 'object') refuse(`${what} is of type ${typeof value}, which cannot be stored`);
  for (const [key, item] of Object.entries(value))
    checkJson(item, Array.isArray(value) ? `${what}[${key}]` : `${what}.${key}`);
}

/** Deeply. */
export function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) freeze(item);
    Object.freeze(value);
  }
  return value;
}

function checkFinite(value: unknown, what: string): void {
  if (typeof value !== 'number' || !Number.isFinite(value))
    refuse(
      `${what} is ${String(value)}, not a finite number`,
      'A trial whose score is not a number has failed: finish it as failed.',
    );
}

function checkScores(values: readonly number[], study: StudyDefinition, what: string): void {
  if (values.length !== study.objectives.length)
    refuse(`${what} has ${values.length} numbers, and study "${study.name}" ${study.objectives.length} objectives`);
  values.forEach((value, i) => checkFinite(value, `${what}[${i}]`));
}

/** Text that every database can hold: without NUL and lone surrogates. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}

export function checkDefinition({ name, directions, objectives, seed, maxStep }: StudyDefinition): void {
  if (name.trim() === '' || name.length > 200 || /\p{Cc}/u.test(name) || !name.isWellFormed())
    refuse(`name ${JSON.stringify(name)} cannot be a study's: 1 to 200 characters, no control characters`);
  if (objectives.length === 0 || directions.length !== objectives.length)
    refuse(`directions has ${directions.length} items and objectives ${objectives.length}: one each, and at least one`);
  if (new Set(objectives).size < objectives.length) refuse(`objectives ${objectives.join(', ')} are not all different`);
  if (!Number.isSafeInteger(seed) || seed < 0) refuse(`seed ${seed} is not an integer from 0 to 2^53 - 1`);
  if (!Number.isSafeInteger(maxStep) || maxStep < 1) refuse(`maxStep ${maxStep} is not a whole number from 1`);
}

export function checkNew(trial: NewTrial, { space }: { readonly space: Space }): void {
  for (const [name, parameter] of Object.entries(space)) checkParameter(name, trial.parameters[name], parameter);
  for (const name of Object.keys(trial.parameters)) {
    if (Object.hasOwn(space, name)) continue;
    const near = nearest(name, Object.keys(space));
    refuse(`parameters.${name} is not a dimension of the space${near === undefined ? '' : `; did you mean ${near}?`}`);
  }
}

/** Bounds are not checked: known points may lie outside of what is searched. */
function checkParameter(name: string, value: ParameterValue | undefined, parameter: Parameter): void {
  const what = `parameters.${name}`;
  if (parameter.kind === 'categorical') {
    if (!parameter.choices.includes(value!))
      refuse(`${what} is ${JSON.stringify(value)}, not one of ${JSON.stringify(parameter.choices)}`);
  } else if (typeof value !== 'number' || !Number.isFinite(value)) {
    refuse(`${what} is ${String(value)}, not a finite number`);
  } else if (parameter.kind === 'int' && !Number.isSafeInteger(value)) {
    refuse(`${what} is ${value}, not a whole number`);
  }
}

export function checkFinished(trial: FinishedTrial, study: StudyDefinition): void {
  checkNew(trial, study);
  checkOutcome(trial, study);
  for (const report of trial.reports ?? []) checkReport(report, study);
  if (new Set(trial.reports?.map(({ step }) => step)).size < (trial.reports?.length ?? 0))
    refuse('reports has a step twice');
}

export function checkOutcome({ state, values, constraints }: Outcome, study: StudyDefinition): void {
  if (!['complete', 'pruned', 'failed'].includes(state)) refuse(`state ${state} is not complete, pruned or failed`);
  if (state === 'complete' && values === null) refuse('values is null, but the trial is complete');
  if (state === 'failed' && values !== null) refuse('values is given, but the trial has failed');
  if (values !== null) checkScores(values, study, 'values');
  constraints?.forEach((value, i) => checkFinite(value, `constraints[${i}]`));
}

export function checkReport({ step, values }: TrialReport, study: StudyDefinition): void {
  if (!Number.isSafeInteger(step) || step < 1) refuse(`step ${step} is not a whole number from 1`);
  checkScores(values, study, 'values');
}

export function checkClaim({ count, lease }: ClaimOptions): void {
  if (!Number.isSafeInteger(count) || count < 0) refuse(`count ${count} is not a whole number from 0`);
  checkLease(lease);
}

export function checkLease(lease: number): void {
  if (!Number.isFinite(lease) || lease <= 0) refuse(`lease ${lease} is not a number of milliseconds above 0`);
}
