import type { Json, Trial, TrialReport } from '../../trial.ts';
import type { Hold } from '../rows.ts';
import type { Outcome, StoredStudy } from '../storage.ts';
import { distributionText, internalValue } from './distributions.ts';
import { op } from './lines.ts';
import { stateCodes } from './replay.ts';

/**
 * Lines of our studies. Optuna knows nothing of spaces, origins, attempts and leases: they are system attributes whose names begin with lrdist:, which Optuna keeps and does not
 * look at. Lines that belong together are written in an order in which any first part of them makes sense, because a machine may die in the middle.
 */
export type NewLine = Readonly<Record<string, unknown>>;

export const names = {
  /** Of a study: version, definition, time. */
  study: 'lrdist:study',
  /** Of a trial: what Optuna has no place for. */
  trial: 'lrdist:trial',
  claim: 'lrdist:claim',
  /** Of a finished trial: time and error. */
  end: 'lrdist:end',
  /** Optuna's own, read by its constrained samplers and the dashboard. */
  constraints: 'constraints',
  report: (step: number | string) => `lrdist:report:${step}`,
} as const;

export const formatVersion = 1;

export function studyLines({ id, created, ...definition }: StoredStudy): NewLine[] {
  return [
    { op_code: op.createStudy, study_name: definition.name, directions: directionCodes(definition.directions) },
    {
      op_code: op.studySystemAttribute,
      study_id: id,
      system_attr: { 'study:metric_names': definition.objectives },
    },
    { op_code: op.studyUserAttribute, study_id: id, user_attr: { protocol: definition.protocol } },
    // Last: a study that has it is whole.
    {
      op_code: op.studySystemAttribute,
      study_id: id,
      system_attr: { [names.study]: { version: formatVersion, created, definition } },
    },
  ];
}

export function directionCodes(directions: StoredStudy['directions']): number[] {
  return directions.map((direction) => (direction === 'maximize' ? 2 : 1));
}

/** A trial as it is, in one line. */
export function trialLine({ id, space, objectives }: StoredStudy, trial: Trial): NewLine {
  const { values } = trial;
  return {
    op_code: op.createTrial,
    study_id: id,
    datetime_start: time(trial.started),
    ...(trial.finished === null ? {} : { datetime_complete: time(trial.finished) }),
    state: stateCodes[trial.state],
    value: values?.length === 1 ? values[0] : null,
    values: values !== null && values.length > 1 ? values : null,
    distributions: Object.fromEntries(
      Object.entries(space).map(([name, parameter]) => [name, distributionText(parameter)]),
    ),
    params: Object.fromEntries(
      Object.entries(space).map(([name, parameter]) => [name, internalValue(parameter, trial.parameters[name]!)]),
    ),
    user_attrs: trial.attributes,
    system_attrs: systemAttributes(trial, objectives.length),
    intermediate_values: Object.fromEntries(trial.reports.map(({ step, values: scores }) => [step, scores[0]])),
  };
}

function systemAttributes(trial: Trial, objectives: number): Record<string, Json> {
  const { origin, created, attempt, lost, started, finished, error } = trial;
  return {
    [names.trial]: { origin, created, attempt, lost, started },
    ...(finished === null ? {} : { [names.end]: { finished, error } }),
    ...(trial.constraints === null ? {} : { [names.constraints]: trial.constraints }),
    ...(objectives === 1
      ? {}
      : Object.fromEntries(trial.reports.map(({ step, values }) => [names.report(step), values]))),
  };
}

export function claimLines(trialId: number, { attempt, lost, started, state }: Trial, hold: Hold): NewLine[] {
  const claim = systemAttribute(trialId, names.claim, { ...hold, attempt, lost, started });
  return state === 'running'
    ? [claim]
    : [
        claim,
        {
          op_code: op.trialState,
          trial_id: trialId,
          state: stateCodes.running,
          values: null,
          datetime_start: time(started),
        },
      ];
}

export function releaseLine(trialId: number): NewLine {
  return { op_code: op.trialState, trial_id: trialId, state: stateCodes.waiting, values: null };
}

/** Optuna's intermediate values are single numbers: it gets the first objective's, and all of them are in an attribute. */
export function reportLines(trialId: number, { step, values }: TrialReport): NewLine[] {
  const first = { op_code: op.trialIntermediate, trial_id: trialId, step, intermediate_value: values[0] };
  return values.length === 1 ? [first] : [systemAttribute(trialId, names.report(step), values), first];
}

export function attributeLines(trialId: number, attributes: Trial['attributes']): NewLine[] {
  return Object.entries(attributes).map(([key, value]) => ({
    op_code: op.trialUserAttribute,
    trial_id: trialId,
    user_attr: { [key]: value },
  }));
}

export function finishLines(trialId: number, outcome: Outcome, now: number): NewLine[] {
  const { state, values, constraints, attributes, error } = outcome;
  return [
    ...attributeLines(trialId, attributes ?? {}),
    ...(constraints === undefined || constraints === null
      ? []
      : [systemAttribute(trialId, names.constraints, constraints)]),
    systemAttribute(trialId, names.end, { finished: now, error: error ?? null }),
    { op_code: op.trialState, trial_id: trialId, state: stateCodes[state], values, datetime_complete: time(now) },
  ];
}

export function systemAttribute(trialId: number, name: string, value: Json): NewLine {
  return { op_code: op.trialSystemAttribute, trial_id: trialId, system_attr: { [name]: value } };
}

/**
 * For people who look with Optuna: microseconds, in local time without an offset, which every version of it takes (Optuna 4's timeline fails on times with one).
 * What we read again is in the attributes, in milliseconds.
 */
function time(milliseconds: number | null): string | null {
  if (milliseconds === null) return null;
  const offset = new Date(milliseconds).getTimezoneOffset() * 60_000;
  return new Date(milliseconds - offset).toISOString().replace('Z', '000');
}
