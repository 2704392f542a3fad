import type { Generated, Selectable, Transaction } from 'kysely';
import type { TrialOrigin, TrialState } from '../../trial.ts';

/**
 * One schema for SQLite and PostgreSQL. Columns of type `text` that are said to be JSON hold it as text: numbers come back bit for bit, and nothing depends on
 * what a database thinks of JSON. Times are milliseconds since 1970. Names begin with lrdist_, because a PostgreSQL database may be shared.
 */
export interface Tables {
  lrdist_studies: StudyTable;
  lrdist_trials: TrialTable;
  lrdist_reports: ReportTable;
}

interface StudyTable {
  id: Generated<number>;
  name: string;
  /** JSON: the whole StudyDefinition. */
  definition: string;
  created: number;
  /** Names the call that made it, so that the call can be repeated when its answer was lost. */
  request: string;
}

interface TrialTable {
  study_id: number;
  number: number;
  state: TrialState;
  origin: TrialOrigin;
  /** JSON, as are the next three. */
  parameters: string;
  objective_values: string | null;
  constraint_values: string | null;
  attributes: string;
  attempt: number;
  lost: number;
  error: string | null;
  created: number;
  started: number | null;
  finished: number | null;
  worker: string | null;
  /** Names the latest claim; stays when the trial has ended, to tell whose writing ended it. */
  token: string | null;
  lease_until: number | null;
  request: string;
}

interface ReportTable {
  study_id: number;
  number: number;
  step: number;
  /** JSON. */
  objective_values: string;
}

export type TrialRow = Selectable<TrialTable>;
export type Tx = Transaction<Tables>;
