import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { LrdistError } from '../../errors.ts';
import type { Parameters, ParameterValue, Space } from '../space.ts';
import { isFinished, type Json, type Trial } from '../trial.ts';
import { toRow, toStudy } from './journal/decode.ts';
import { understandFile } from './journal/errors.ts';
import { JournalFile } from './journal/file.ts';
import type { OptunaStudy } from './journal/replay.ts';
import { plainChoice, spaceOf } from './optuna-space.ts';
import type { FinishedTrial, Storage, StoredStudy, StudyDefinition } from './storage.ts';

export interface ImportOptions {
  /** Which study of the file; needed if it holds several. */
  readonly study?: string;
  /** Name for the study in the storage. Default: that in the file. */
  readonly name?: string;
}

export interface ImportResult {
  readonly study: StoredStudy;
  readonly trials: number;
  /** Trials left out: not finished, or failed before they had all parameters. */
  readonly skipped: number;
}

/**
 * Takes a study of an Optuna journal into a storage, as a new study with finished trials.
 * @throws ERR_STORAGE if the file is not a journal, ERR_STUDY_NOT_FOUND, ERR_STUDY_EXISTS
 */
export async function importOptuna(
  path: string,
  storage: Storage,
  { study, name }: ImportOptions = {},
): Promise<ImportResult> {
  const found = choose(await readStudies(path), study, path);
  const definition = toStudy(found, path) ?? foreignDefinition(found, path);
  const trials = found.trials.map((trial) => toRow(trial).trial).filter(isFinished);
  const whole = trials.filter((trial) => hasAll(trial, definition.space));
  const shift = firstStep(whole) < 1 ? 1 : 0;
  const created = await storage.createStudy({ ...plainDefinition(definition), name: name ?? definition.name });
  await storage.attach(
    created.id,
    whole.map((trial) => toFinished(trial, definition, shift)),
  );
  return { study: created, trials: whole.length, skipped: found.trials.length - whole.length };
}

async function readStudies(path: string): Promise<readonly OptunaStudy[]> {
  if (!existsSync(path))
    throw new LrdistError('ERR_DATA_NOT_FOUND', `there is no file ${path}`, { remedy: 'Look at the path.' });
  const file = new JournalFile(path);
  try {
    await file.sync();
  } catch (error) {
    throw understandFile(error, path);
  }
  return [...file.replay.studies.values()];
}

function choose(studies: readonly OptunaStudy[], name: string | undefined, path: string): OptunaStudy {
  const found = name === undefined && studies.length === 1 ? studies[0] : studies.find((study) => study.name === name);
  if (found !== undefined) return found;
  const names = studies.map((study) => `"${study.name}"`).join(', ');
  throw new LrdistError(
    'ERR_STUDY_NOT_FOUND',
    name === undefined ? `${path} holds ${studies.length} studies, not one` : `there is no study "${name}" in ${path}`,
    { remedy: studies.length === 0 ? 'The file is empty.' : `Choose one of ${names}` },
  );
}

/** A study that lrdist did not make: what can be known of it. */
function foreignDefinition(study: OptunaStudy, path: string): StudyDefinition {
  const names = study.systemAttributes['study:metric_names'];
  const steps = study.trials.flatMap(({ intermediate }) => Object.keys(intermediate).map(Number));
  const objectives = study.directions.map((_, i) => (study.directions.length === 1 ? 'value' : `value_${i}`));
  return {
    name: study.name,
    directions: study.directions.map((direction) => (direction === 2 ? 'maximize' : 'minimize')),
    objectives: Array.isArray(names) ? (names as string[]) : objectives,
    space: spaceOf(study.trials.filter((trial) => isFinished(toRow(trial).trial))),
    seed: 0,
    maxStep: steps.length === 0 ? 1 : Math.max(...steps) + (Math.min(...steps) < 1 ? 1 : 0),
    protocol: { imported: `Optuna journal ${basename(path)}`, ...study.userAttributes },
  };
}

function plainDefinition({
  name,
  directions,
  objectives,
  space,
  seed,
  maxStep,
  protocol,
}: StudyDefinition): StudyDefinition {
  return { name, directions, objectives, space, seed, maxStep, protocol };
}

function hasAll({ parameters }: Trial, space: Space): boolean {
  return Object.keys(space).every((dimension) => Object.hasOwn(parameters, dimension));
}

/** Optuna's users count steps from 0 as often as from 1. */
function firstStep(trials: readonly Trial[]): number {
  return Math.min(...trials.flatMap(({ reports }) => reports.map(({ step }) => step)), 1);
}

function toFinished(trial: Trial, { space, objectives }: StudyDefinition, shift: number): FinishedTrial {
  const values = trial.values?.every((value) => Number.isFinite(value)) === true ? trial.values : null;
  const lost = trial.state === 'complete' && values === null;
  const { inside, outside } = split(trial.parameters, space);
  return {
    parameters: inside,
    origin: 'attached',
    state: lost ? 'failed' : (trial.state as FinishedTrial['state']),
    values: lost || trial.state === 'failed' ? null : values,
    constraints: trial.constraints,
    reports: trial.reports
      .filter((report) => report.values.length === objectives.length)
      .map(({ step, values: scores }) => ({ step: step + shift, values: scores })),
    attributes:
      Object.keys(outside).length === 0 ? trial.attributes : { ...trial.attributes, 'optuna:params': outside },
    error: lost ? 'a value that was not a finite number' : trial.error,
    ...(trial.started === null ? {} : { started: trial.started }),
    ...(trial.finished === null ? {} : { finished: trial.finished }),
  };
}

/** Parameters that only some trials have are no dimensions; they are kept as an attribute. */
function split(parameters: Parameters, space: Space): { inside: Parameters; outside: Record<string, Json> } {
  const inside: Record<string, ParameterValue> = {};
  const outside: Record<string, Json> = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (Object.hasOwn(space, name)) inside[name] = plainChoice(value);
    else outside[name] = value;
  }
  return { inside, outside };
}
