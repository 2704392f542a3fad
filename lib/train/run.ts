import type { Scores } from './model.ts';

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
  | { readonly type: 'log'; readonly step: number; readonly epoch: number; /** Mean since the last log, by replica. */ readonly losses: readonly number[]; readonly gradNorms: readonly number[]; readonly factor: number }
  | { readonly type: 'epoch'; readonly epoch: number; readonly step: number; /** Mean loss of the epoch's steps, by replica. */ readonly losses: readonly number[] }
  | { readonly type: 'evaluation'; readonly step: number; readonly epoch: number; readonly task: string; readonly split: string; readonly scores: readonly Scores[]; readonly seconds: number }
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
