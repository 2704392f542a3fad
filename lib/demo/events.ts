import type { ShiftEvent } from '../forgetting/events.ts';

export type DemoEvent =
  | {
      readonly type: 'pretraining';
      readonly step: number;
      readonly of: number;
      readonly loss: number;
      readonly tokensPerSecond: number;
    }
  | { readonly type: 'base'; readonly folder: string; readonly reused: boolean; readonly seconds: number }
  /** Trials of all searches that are finished. */
  | { readonly type: 'search'; readonly pair: string; readonly done: number; readonly of: number }
  | { readonly type: 'combined'; readonly rates: Readonly<Record<string, number>>; readonly trials: number }
  /** Choosing the first task's rate: models trained side by side. */
  | { readonly type: 'first-task'; readonly step: number; readonly of: number; readonly models: number }
  | { readonly type: 'first-rate'; readonly rate: number; readonly score: number }
  /** Choosing bases, then comparing. */
  | { readonly type: 'shift'; readonly part: 'choose' | 'compare'; readonly event: ShiftEvent }
  | { readonly type: 'chosen'; readonly distributions: readonly string[] };
