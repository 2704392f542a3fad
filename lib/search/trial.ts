/** Records of trials. All are plain data, and a record that is finished never changes. */
import type { Parameters } from './space.ts';

/**
 * `waiting`: has parameters, nobody works on it. `running`: claimed by a worker. `complete`, `pruned` (ended early because others were better), `failed`: finished, for good.
 */
export type TrialState = 'waiting' | 'running' | 'complete' | 'pruned' | 'failed';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Where the parameters came from. */
export type TrialOrigin = 'sampled' | 'enqueued' | 'attached';

/** Scores at a point of the trial's way. */
export interface TrialReport {
  /** How much of the resource (epochs, in a search of rates) was used; from 1. */
  readonly step: number;
  /** By objective. */
  readonly values: readonly number[];
}

export interface Trial {
  /** From 0, in the order of creation, without gaps. */
  readonly number: number;
  readonly state: TrialState;
  readonly origin: TrialOrigin;
  readonly parameters: Parameters;
  /** By objective; null until the trial is complete. A pruned trial's are those of its last report, or null if it had none. */
  readonly values: readonly number[] | null;
  /** Outcome constraints, each kept where it is 0 or less; null where there are none or the trial is not finished. */
  readonly constraints: readonly number[] | null;
  /** By step, ascending. A later attempt continues them, or writes the same steps again. */
  readonly reports: readonly TrialReport[];
  /** Whatever else is to be known: seed, scores, batch. */
  readonly attributes: Readonly<Record<string, Json>>;
  /** How often it was claimed. */
  readonly attempt: number;
  /** Attempts that were lost: their worker was not heard of until its lease had run out and the trial was claimed anew. */
  readonly lost: number;
  /** Why it failed. */
  readonly error: string | null;
  /** Milliseconds since 1970; null until then. */
  readonly created: number;
  readonly started: number | null;
  readonly finished: number | null;
}

export function isFinished({ state }: Pick<Trial, 'state'>): boolean {
  return state !== 'waiting' && state !== 'running';
}
