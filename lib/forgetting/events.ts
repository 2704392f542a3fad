import type { Fewer } from '../train/parts.ts';

/** Work done and to do, in rows trained on, replicas and seeds counted; evaluation is not. */
export interface ShiftProgress {
  readonly done: number;
  readonly total: number;
}

/** What `taskShift` tells while it works. */
export type ShiftEvent =
  | {
      readonly type: 'stage';
      readonly seed: number;
      readonly stage: 1 | 2;
      readonly task: string;
      /** Models trained in this stage. */
      readonly replicas: number;
      readonly steps: number;
    }
  | {
      readonly type: 'step';
      readonly seed: number;
      readonly stage: 1 | 2;
      readonly step: number;
      readonly of: number;
      /** Of the newest step, by replica; NaN for one that stopped being finite. */
      readonly losses: readonly number[];
      readonly tokensPerSecond: number;
      readonly progress: ShiftProgress;
    }
  | {
      readonly type: 'scores';
      readonly seed: number;
      readonly stage: 1 | 2;
      readonly task: string;
      readonly metric: string;
      /** By replica. */
      readonly scores: readonly number[];
    }
  | {
      readonly type: 'not-finite';
      readonly seed: number;
      readonly stage: 1 | 2;
      readonly distribution: string;
      readonly step: number;
    }
  /** Memory is short: fewer models than were to be trained side by side are. */
  | (Fewer & { readonly type: 'fewer'; readonly seed: number; readonly stage: 1 | 2; readonly task: string });
