import type { Parameters } from './space.ts';
import type { Json } from './trial.ts';

/** A trial to be run. */
export interface Job {
  readonly trial: number;
  /** From 1; above 1 an earlier attempt was lost and may have left a checkpoint. */
  readonly attempt: number;
  readonly parameters: Parameters;
}

export type JobResult =
  | {
      readonly job: Job;
      readonly state: 'complete';
      readonly values: readonly number[];
      readonly constraints?: readonly number[];
      readonly attributes?: Readonly<Record<string, Json>>;
    }
  /** Ended early, because `report` said so. */
  | { readonly job: Job; readonly state: 'pruned'; readonly attributes?: Readonly<Record<string, Json>> }
  | {
      readonly job: Job;
      readonly state: 'failed';
      readonly error: string;
      readonly attributes?: Readonly<Record<string, Json>>;
    };

export interface JobReport {
  readonly job: Job;
  readonly values: readonly number[];
  readonly attributes?: Readonly<Record<string, Json>>;
}

export interface BatchContext {
  readonly signal: AbortSignal;
  /** The steps at which a job may be ended, and the last step; nothing else needs to be reported. */
  readonly rungs: readonly number[];
  readonly maxStep: number;
  /**
   * The scores of all jobs that still run, at one step. Resolves to the jobs that go on, in the same order: drop the others and answer `pruned` for them.
   * Rejects if the trials were lost to another worker; the objective then stops.
   */
  readonly report: (step: number, reports: readonly JobReport[]) => Promise<readonly Job[]>;
  /** Anything to show while it runs; not recorded. */
  readonly progress: (event: Json) => void;
}

/**
 * Runs a batch of jobs side by side (replicas of one session) to their ends, and gives a result for each. It may throw: then every job without a result has failed.
 * A plain objective is one that is given one job at a time.
 */
export type BatchObjective = (jobs: readonly Job[], context: BatchContext) => Promise<readonly JobResult[]>;

/** Runs batches, in this process or in others. */
export interface Executor {
  readonly name: string;
  /** Jobs in one batch, at most. */
  readonly batchSize: number;
  /** Batches at once, at most. */
  readonly parallel: number;
  /** Never rejects for the fault of a job: that is a `failed` result. Rejects with the signal's reason if it is aborted. */
  run(jobs: readonly Job[], context: BatchContext): Promise<readonly JobResult[]>;
  /** Nothing more is begun until a run ends: for executors whose time is not the clock's. */
  settled?(): void;
  /** Ends what it started; idempotent. */
  dispose(): Promise<void>;
}
