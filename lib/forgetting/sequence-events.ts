import { channel } from 'node:diagnostics_channel';
import type { Fewer } from '../train/parts.ts';
import type { ShiftProgress } from './events.ts';

/** Every event is published here too. */
export const sequenceChannel = channel('lrdist:sequence');

/** Where a sequence is. */
export interface Place {
  readonly seed: number;
  /** Index into the orders of tasks. */
  readonly order: number;
  /** `first` for a first stage shared by all, `shared`, a penalty with its own batches, or `alone` for a reference. */
  readonly pass: string;
  /** From 1. */
  readonly stage: number;
  readonly task: string;
}

/** What `taskSequence` tells while it works. */
export type SequenceEvent =
  | (Place & { readonly type: 'stage' /** Models trained. */; readonly replicas: number; readonly steps: number })
  | (Place & {
      readonly type: 'step';
      readonly step: number;
      readonly of: number;
      /** Of the newest step, by replica; NaN for one that stopped being finite. */
      readonly losses: readonly number[];
      readonly tokensPerSecond: number;
      readonly progress: ShiftProgress;
      /** Step events merged into this one because the reader was slower. */
      readonly dropped: number;
    })
  | (Place & {
      readonly type: 'scores';
      readonly metric: string;
      /** Task scored; `task` is the one just learned. */
      readonly scored: string;
      /** By replica. */
      readonly scores: readonly number[];
    })
  | (Place & { readonly type: 'not-finite'; readonly combination: string; readonly step: number })
  /** Memory is short: fewer models than were to be trained side by side are. */
  | (Place & Fewer & { readonly type: 'fewer' });
