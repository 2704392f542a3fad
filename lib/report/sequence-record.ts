import type { RatesDocument } from '../rates/file.ts';
import type { MeasuresRecord, StageMeasures } from './measures-record.ts';
import type { TaskRecord } from './shift-record.ts';
import type { Interval, Spread } from './spread.ts';

export const SEQUENCE_FORMAT = 'lrdist-sequence/1';

export type { TaskMetric } from './shift-record.ts';

/**
 * R[i][j]: score on task j, in the order of learning, after stage i. null where it was not measured (a task not yet learned); NaN (null in JSON too)
 * where the model stopped being finite.
 */
export type ResultMatrix = readonly (readonly (number | null)[])[];

/** The last four for two tasks. `normalised_...`: of scores with guessing at 0 and perfection at 1. */
export const sequenceScoreNames = [
  'ACC',
  'BWT',
  'FWT',
  'forgetting',
  'intransigence',
  'normalised_ACC',
  'normalised_BWT',
  'normalised_FWT',
  'normalised_forgetting',
  'normalised_intransigence',
  'before',
  'p_s',
  'p_o',
  'objective',
] as const;

export type SequenceScoreName = (typeof sequenceScoreNames)[number];

/** null or absent: not defined or not measured. */
export type SequenceScores = Readonly<Partial<Record<SequenceScoreName, number | null>>>;

/** One rate distribution with one penalty. */
export interface CombinationRecord {
  readonly name: string;
  readonly distribution: string;
  readonly penalty: string;
}

export interface PenaltyRecord {
  readonly name: string;
  /** By stage: kind, numbers, source. */
  readonly stages: readonly {
    readonly kind: string;
    readonly numbers: Readonly<Record<string, number>>;
    readonly source: string;
  }[];
}

/** One combination under one seed and in one order of the tasks. */
export interface SequenceRunRecord {
  readonly combination: string;
  readonly seed: number;
  /** Index into the record's orders. */
  readonly order: number;
  readonly state: 'complete' | 'not_finite';
  readonly R: ResultMatrix;
  readonly scores: SequenceScores;
  /** Mean training loss of the last tenth of each stage's steps; null where there was no such stage, or it stopped being finite. */
  readonly final_losses: readonly (number | null)[];
  /** By stage, where it was measured: what the stage did to the weights and to the first task. */
  readonly measures?: readonly (MeasuresRecord | null)[];
}

/** What was measured of one pass's stage, and how long it took. */
export interface SequenceMeasured extends Omit<StageMeasures, 'replicas'> {
  readonly order: number;
  /** `shared`, or the penalty with its own batches. */
  readonly pass: string;
  /** From 1. */
  readonly stage: number;
}

export interface SequenceSummaryRecord {
  readonly combination: string;
  readonly scores: Readonly<Partial<Record<SequenceScoreName, Spread>>>;
  /** Paired by seed and order, this combination minus the first; absent for the first. */
  readonly difference?: Readonly<Partial<Record<SequenceScoreName, Interval>>>;
}

type Settings = Readonly<Record<string, unknown>>;

/** Everything about a comparison over a sequence of tasks. Scores are shares of 1. */
export interface SequenceRecord {
  readonly format: typeof SEQUENCE_FORMAT;
  readonly created: string;
  readonly versions: Readonly<Record<string, string | number>>;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly mode: 'keep' | 'paper';
  /** Habits of the published code that were taken over, each with what it does; absent for the usual protocol. */
  readonly protocol?: { readonly name: 'paper'; readonly habits: Readonly<Record<string, string>> };
  readonly model: string;
  readonly session: Settings;
  /** As given. */
  readonly tasks: readonly TaskRecord[];
  /** Indices into the tasks. */
  readonly orders: readonly (readonly number[])[];
  /** A head for each task, or one for all. */
  readonly heads: 'own' | 'same';
  readonly split: string;
  /** Where the model of the first task came from: rates of its own, a folder, or each combination's own first stage. */
  readonly first_stage: { readonly rates: RatesDocument } | { readonly model: string } | 'distribution';
  readonly distributions: readonly RatesDocument[];
  readonly penalties: readonly PenaltyRecord[];
  readonly fisher: { readonly rows: number; readonly labels: 'data' | 'model' };
  readonly combinations: readonly CombinationRecord[];
  /** By stage; null for a first stage that was given. */
  readonly training: readonly (Settings | null)[];
  readonly moments: readonly ('keep' | 'fresh')[];
  readonly seeds: readonly number[];
  readonly runs: readonly SequenceRunRecord[];
  /** Scores of new heads on the untrained model, by seed and task as given; where zero-shot scores were asked for. */
  readonly untrained?: readonly { readonly seed: number; readonly scores: readonly number[] }[];
  /** Scores of each task learned alone, by seed, distribution and task as given. */
  readonly alone?: readonly {
    readonly seed: number;
    readonly distribution: string;
    readonly scores: readonly number[];
  }[];
  /** Rows and time of the measures. */
  readonly measured?: readonly SequenceMeasured[];
  readonly summary: readonly SequenceSummaryRecord[];
  readonly notes: readonly string[];
  readonly train_tokens: number;
  readonly seconds: number;
}
