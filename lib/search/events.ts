import type { Json } from './trial.ts';

/** What `optimize` tells while it runs. Trials are named by number. */
export type SearchEvent =
  /** Trials that are run side by side by this worker. */
  | {
      readonly type: 'batch';
      readonly batch: string;
      readonly trials: readonly number[];
      readonly attempts: readonly number[];
    }
  | {
      readonly type: 'report';
      readonly trial: number;
      readonly step: number;
      readonly values: readonly number[];
      /** Whether it goes on. */
      readonly goesOn: boolean;
    }
  | {
      readonly type: 'finished';
      readonly trial: number;
      readonly state: 'complete' | 'pruned' | 'failed';
      readonly values: readonly number[] | null;
      readonly error: string | null;
    }
  /** Anything the objective or the executor has to say, such as a crash that is tried again. */
  | { readonly type: 'progress'; readonly batch: string; readonly event: Json }
  /** Other workers have these; this one has nothing to do until they end or their leases run out. */
  | { readonly type: 'waiting'; readonly trials: readonly number[] }
  /** Another worker has taken these over. */
  | { readonly type: 'lost'; readonly batch: string; readonly trials: readonly number[] };
