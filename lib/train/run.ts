import type { NativePart, NativePlan, NativeSession } from '../native/boundary.ts';
import type { EvaluateOptions, Scores } from './model.ts';
import type { Boundary } from './options.ts';
import type { Batching } from './batching.ts';
import type { Profile } from './profile.ts';
import type { StepCounts } from './plan.ts';
import type { Regularization } from './regularizers.ts';
import type { Mixture } from './sources.ts';
import type { Task } from './task.ts';

/** One row of the table that a run prints first: a group of one replica's distribution. */
export interface GroupRow {
  readonly replica: number;
  readonly group: string;
  readonly rate: number;
  readonly weightDecay: number;
  readonly tensors: number;
  readonly elements: number;
}

export type TrainEvent =
  | { readonly type: 'groups'; readonly rows: readonly GroupRow[] }
  | {
      readonly type: 'step';
      /** Optimizer steps finished in this run, of all. */
      readonly step: number;
      readonly of: number;
      readonly epoch: number;
      /** Of the newest step, by replica; NaN for a frozen one. */
      readonly losses: readonly number[];
      readonly gradNorms: readonly number[];
      /** Factor of the schedule at this step (rates are multiplied by it). */
      readonly factor: number;
      readonly tokensPerSecond: number;
      readonly secondsLeft: number;
      /** Step events merged into this one because the reader was slower. */
      readonly dropped: number;
    }
  | {
      readonly type: 'log';
      readonly step: number;
      readonly epoch: number /** Mean since the last log, by replica. */;
      readonly losses: readonly number[];
      readonly gradNorms: readonly number[];
      readonly factor: number;
    }
  | {
      readonly type: 'epoch';
      readonly epoch: number;
      readonly step: number /** Mean loss of the epoch's steps, by replica. */;
      readonly losses: readonly number[];
    }
  | {
      readonly type: 'evaluation';
      readonly step: number;
      readonly epoch: number;
      readonly task: string;
      readonly split: string;
      readonly scores: readonly Scores[];
      readonly seconds: number;
    }
  | { readonly type: 'checkpoint'; readonly step: number; readonly folder: string }
  | { readonly type: 'not-finite'; readonly replica: number; readonly step: number };

export interface RunResult {
  /** Optimizer steps done in this run (counting those before a resume). */
  readonly steps: number;
  readonly epochs: number;
  /** [replicas][steps]; NaN after a replica stopped being finite. */
  readonly losses: readonly Float32Array[];
  readonly gradNorms: readonly Float32Array[];
  /** Step at which the replica stopped being finite, or -1. */
  readonly nonFinite: readonly number[];
  readonly tokens: number;
  /** Rows seen, an epoch's last partial batch included. */
  readonly rows: number;
  readonly seconds: number;
  /** True if `stop()` or early stopping ended it before its last step. */
  readonly stopped: boolean;
}

/**
 * A training run under way. Iterate for events (a bounded queue: step events are merged when the reader is slower), or just await `result`.
 * An aborted signal rejects `result` with `signal.reason` after the current step; weights are then as after the last whole step.
 */
export interface Run extends AsyncIterable<TrainEvent>, AsyncDisposable {
  readonly result: Promise<RunResult>;
  /** Ends the run after the current step; `result` resolves with `stopped: true`. */
  stop(): void;
}

/** What a run needs of its model. */
export interface RunHost {
  readonly session: NativeSession;
  /** Replicas the session has now. */
  readonly replicas: number;
  /** Optimizer steps over all runs; the run counts it up. */
  steps: number;
  evaluate(task: Task, options: EvaluateOptions): Promise<readonly Scores[]>;
}

/** Options with every default filled in and every name looked up. */
export interface RunPlan {
  readonly counts: StepCounts;
  readonly batching: Batching;
  /** The plan of the first phase. */
  readonly plan: NativePlan;
  /** Where rates change during the run: from `step`, from 0, on these [K x G] hold. The first is at 0 and has the plan's own. */
  readonly phases: readonly { readonly step: number; readonly rates: Float64Array; readonly decay: Float64Array }[];
  readonly groups: readonly GroupRow[];
  /** The run's own rows, and its parts' first. */
  readonly part: NativePart;
  readonly mixture: Mixture;
  readonly regularization: Regularization | undefined;
  /** [replicas x total] */
  readonly factors: Float64Array;
  readonly clipNorm: number;
  readonly dropout: boolean;
  readonly frozenDropout: boolean;
  /** Key of the row order. */
  readonly seed: number;
  readonly loggingSteps: number;
  readonly profile: string | Profile | undefined;
  readonly reportMs: number;
  readonly evaluate: readonly { readonly task: Task; readonly splits: readonly string[] }[];
  readonly evaluateEvery: 'epoch' | number;
  readonly pauseEvery: readonly number[];
  readonly pauseAt: readonly number[];
  readonly onPause: ((boundary: Boundary) => Promise<'stop' | void>) | undefined;
  readonly resume: RunResume | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Where an interrupted run goes on. */
export interface RunResume {
  /** Steps already done. */
  readonly step: number;
  readonly losses: readonly Float32Array[];
  readonly gradNorms: readonly Float32Array[];
  readonly nonFinite: readonly number[];
  readonly tokens: number;
  readonly seconds: number;
  /** Fills weights and moments, after the plan was set. */
  restore(): Promise<void>;
}
