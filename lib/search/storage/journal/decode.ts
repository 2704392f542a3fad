import { z } from 'zod';
import { LrdistError } from '../../../errors.ts';
import type { Parameters } from '../../space.ts';
import type { Trial, TrialReport, TrialState } from '../../trial.ts';
import { freeze } from '../check.ts';
import type { Hold, Row } from '../rows.ts';
import type { StoredStudy, StudyDefinition } from '../storage.ts';
import { formatVersion, names } from './encode.ts';
import { isEnded, type OptunaStudy, type OptunaTrial, stateCodes } from './replay.ts';

const studySchema = z.object({
  version: z.int(),
  created: z.number(),
  definition: z.custom<StudyDefinition>((value) => typeof value === 'object' && value !== null),
});

const trialSchema = z.object({
  origin: z.enum(['sampled', 'enqueued', 'attached']),
  created: z.number(),
  attempt: z.int(),
  lost: z.int().default(0),
  started: z.number().nullable(),
});

const endSchema = z.object({ finished: z.number(), error: z.string().nullable() });

const claimSchema = z.object({
  token: z.string(),
  worker: z.string(),
  until: z.number(),
  attempt: z.int(),
  lost: z.int().default(0),
  started: z.number().nullable(),
});

/**
 * A study of ours; undefined for one that only Optuna knows.
 * @throws ERR_STORAGE_VERSION if a newer lrdist made it
 */
export function toStudy({ id, name, systemAttributes }: OptunaStudy, path: string): StoredStudy | undefined {
  const { success, data } = studySchema.safeParse(systemAttributes[names.study]);
  if (!success) return undefined;
  if (data.version > formatVersion)
    throw new LrdistError('ERR_STORAGE_VERSION', `study "${name}" in ${path} was made by a newer lrdist`, {
      remedy: 'Update lrdist on this machine, or use another storage. Nothing was changed.',
    });
  return { ...data.definition, id, created: data.created };
}

const states = Object.fromEntries(Object.entries(stateCodes).map(([name, code]) => [code, name])) as Record<
  number,
  TrialState
>;

const rows = new WeakMap<OptunaTrial, Row>();

export function toRow(trial: OptunaTrial): Row {
  const row = rows.get(trial) ?? decode(trial);
  rows.set(trial, row);
  return row;
}

function decode(trial: OptunaTrial): Row {
  const { data: claim } = claimSchema.safeParse(trial.systemAttributes[names.claim]);
  const { data: own } = trialSchema.safeParse(trial.systemAttributes[names.trial]);
  const start = milliseconds(trial.start);
  // Without the line that ends the trial it counts for nothing: its writer died in between.
  const { data: end } = endSchema.safeParse(isEnded(trial.state) ? trial.systemAttributes[names.end] : undefined);
  const record: Trial = {
    number: trial.number,
    state: states[trial.state]!,
    origin: own?.origin ?? (trial.systemAttributes['fixed_params'] === undefined ? 'sampled' : 'enqueued'),
    parameters: trial.params as Parameters,
    values: trial.values as readonly number[] | null,
    constraints: constraints(trial),
    reports: reports(trial),
    attributes: trial.userAttributes,
    attempt: claim?.attempt ?? own?.attempt ?? 0,
    lost: claim?.lost ?? own?.lost ?? 0,
    error: end?.error ?? null,
    created: own?.created ?? start ?? 0,
    started: claim?.started ?? own?.started ?? start,
    finished: end?.finished ?? milliseconds(trial.complete),
  };
  return { trial: freeze(record), hold: claim === undefined ? null : holdOf(claim) };
}

function holdOf({ token, worker, until }: Hold): Hold {
  return { token, worker, until };
}

function reports(trial: OptunaTrial): TrialReport[] {
  return Object.entries(trial.intermediate)
    .filter(([, value]) => value !== null)
    .map(([step, value]) => ({
      step: Number(step),
      values: (trial.systemAttributes[names.report(step)] as readonly number[] | undefined) ?? [value!],
    }))
    .sort((a, b) => a.step - b.step);
}

/** A list, or from Optuna 5 on an attribute for each. */
function constraints({ systemAttributes }: OptunaTrial): readonly number[] | null {
  const list = systemAttributes[names.constraints];
  const single = Object.entries(systemAttributes).filter(([key]) => key.startsWith(`${names.constraints}:`));
  const values = [...(Array.isArray(list) ? (list as number[]) : []), ...single.map(([, value]) => value as number)];
  return Array.isArray(list) || values.length > 0 ? values : null;
}

function milliseconds(time: string | null): number | null {
  const parsed = time === null ? Number.NaN : Date.parse(time);
  return Number.isNaN(parsed) ? null : parsed;
}
