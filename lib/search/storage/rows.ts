import type { Trial, TrialReport } from '../trial.ts';
import type { Claim, ClaimOptions, FinishedTrial, NewTrial, Outcome } from './storage.ts';

/** Who works on a trial. After the end it tells whose writing ended it. */
export interface Hold {
  readonly token: string;
  readonly worker: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** A trial as the memory and journal storages keep it. Rows are replaced, never changed. */
export interface Row {
  readonly trial: Trial;
  readonly hold: Hold | null;
}

export function newTrial(trial: NewTrial, number: number, now: number): Trial {
  return {
    number,
    state: 'waiting',
    origin: trial.origin,
    parameters: trial.parameters,
    values: null,
    constraints: null,
    reports: [],
    attributes: trial.attributes ?? {},
    attempt: 0,
    lost: 0,
    error: null,
    created: now,
    started: null,
    finished: null,
  };
}

export function attachedTrial(trial: FinishedTrial, number: number, now: number): Trial {
  const finished = trial.finished ?? now;
  return {
    ...newTrial(trial, number, now),
    state: trial.state,
    values: trial.values,
    constraints: trial.constraints ?? null,
    reports: [...(trial.reports ?? [])].sort((a, b) => a.step - b.step),
    error: trial.error ?? null,
    started: trial.started ?? finished,
    finished,
  };
}

/** Free to be claimed: waiting, or its worker has not been heard of in time. */
export function isDue({ trial, hold }: Row, now: number): boolean {
  return trial.state === 'waiting' || (trial.state === 'running' && hold !== null && hold.until <= now);
}

export function isWanted({ trial }: Row, { trials }: Pick<ClaimOptions, 'trials'>): boolean {
  return trials === undefined || trials.includes(trial.number);
}

export function annotated(trial: Trial, attributes: Trial['attributes']): Trial {
  return { ...trial, attributes: { ...trial.attributes, ...attributes } };
}

export function claimed(
  { trial }: Row,
  token: string,
  { worker, lease }: ClaimOptions,
  now: number,
): Row & { readonly hold: Hold } {
  return {
    trial: {
      ...trial,
      state: 'running',
      attempt: trial.attempt + 1,
      lost: trial.lost + (trial.state === 'running' ? 1 : 0),
      started: trial.started ?? now,
    },
    hold: { token, worker, until: now + lease },
  };
}

/** A lease that ran out still holds until somebody else has claimed the trial: work is never thrown away without need. */
export function holds(row: Row | undefined, claim: Claim): row is Row & { readonly hold: Hold } {
  return row?.trial.state === 'running' && row.hold?.token === claim.token;
}

export function reported(trial: Trial, report: TrialReport): Trial {
  const others = trial.reports.filter(({ step }) => step !== report.step);
  return { ...trial, reports: [...others, report].sort((a, b) => a.step - b.step) };
}

export function ended(trial: Trial, outcome: Outcome, now: number): Trial {
  return {
    ...annotated(trial, outcome.attributes ?? {}),
    state: outcome.state,
    values: outcome.values,
    constraints: outcome.constraints ?? null,
    error: outcome.error ?? null,
    finished: now,
  };
}

/** Whether a finished trial holds just this outcome: then finishing it again, by the same claim, is a repetition and no contradiction. */
export function sameOutcome(trial: Trial, outcome: Outcome): boolean {
  return (
    trial.state === outcome.state &&
    JSON.stringify(trial.values) === JSON.stringify(outcome.values) &&
    JSON.stringify(trial.constraints) === JSON.stringify(outcome.constraints ?? null) &&
    trial.error === (outcome.error ?? null)
  );
}
