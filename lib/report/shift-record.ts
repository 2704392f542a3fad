import type { RatesDocument } from '../rates/file.ts';
import type { Interval, Spread } from './spread.ts';

export const SHIFT_FORMAT = 'lrdist-shift/1';

/** How one task is scored within a pair. */
export interface TaskMetric {
  readonly task: string;
  readonly metric: string;
  /** What guessing gets. */
  readonly chance: number;
}

/** Each is a share of 1; NaN (null in JSON) where the model stopped being finite. */
export interface PairScores {
  /** First task after the first stage. */
  readonly before: number;
  /** Second task after the second stage. */
  readonly p_s: number;
  /** First task after the second stage. */
  readonly p_o: number;
  /** before - p_o; below 0 where the second stage helped the first task. Backward transfer is its negative. */
  readonly forgetting: number;
  /** What a search maximizes: p_s + p_o, chance-normalised where the tasks differ in metric. */
  readonly objective: number;
}

export const scoreNames = [
  'before',
  'p_s',
  'p_o',
  'forgetting',
  'objective',
] as const satisfies readonly (keyof PairScores)[];

export type ObjectiveKind = 'sum' | 'chance-normalised sum';

export interface TaskRecord extends TaskMetric {
  readonly dataset?: { readonly name: string; readonly config?: string };
  readonly train_rows: number;
  /** Rows the scores are of. */
  readonly rows: number;
}

/** One distribution under one seed. */
export interface RunRecord extends PairScores {
  readonly distribution: string;
  readonly seed: number;
  readonly state: 'complete' | 'not_finite';
  /** Mean training loss of the last tenth of each stage's steps; null where there was no such stage or it stopped being finite. */
  readonly final_losses: readonly [number | null, number | null];
}

/** One distribution over all seeds. */
export interface SummaryRecord {
  readonly distribution: string;
  readonly scores: Readonly<Record<keyof PairScores, Spread>>;
  /** Paired by seed, this distribution minus the first of the list; absent for the first. */
  readonly difference?: Readonly<Record<keyof PairScores, Interval>>;
}

type Settings = Readonly<Record<string, unknown>>;

/** Everything about a comparison: what was run, with what, and what came out. Scores are shares of 1. */
export interface ShiftRecord {
  readonly format: typeof SHIFT_FORMAT;
  readonly created: string;
  readonly versions: Readonly<Record<string, string | number>>;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly mode: 'keep' | 'paper';
  readonly model: string;
  /** How models were opened, where it was not the default. */
  readonly session: Settings;
  readonly tasks: readonly [TaskRecord, TaskRecord];
  readonly split: string;
  readonly objective: ObjectiveKind;
  /** Where the first task's model came from: rates of its own, a folder, or each distribution's own first stage. */
  readonly first_stage: { readonly rates: RatesDocument } | { readonly model: string } | 'distribution';
  readonly distributions: readonly RatesDocument[];
  readonly training: { readonly first: Settings | null; readonly second: Settings; readonly moments: 'keep' | 'fresh' };
  readonly seeds: readonly number[];
  readonly runs: readonly RunRecord[];
  readonly summary: readonly SummaryRecord[];
  /** What a reader should know before believing the numbers. */
  readonly notes: readonly string[];
  readonly train_tokens: number;
  readonly seconds: number;
}
