/** What a batch of candidates is run with, and how each of them ends. */
import type { Memory } from '../forgetting/memory.ts';
import type { PairScores } from '../report/shift-record.ts';
import type { Fewer } from '../train/parts.ts';
import type { Candidate } from './candidate.ts';
import type { PairModel } from './pair-model.ts';

export interface PairStep {
  readonly stage: 1 | 2;
  readonly step: number;
  readonly of: number;
  readonly losses: readonly number[];
}

export interface PairRunOptions {
  readonly signal?: AbortSignal;
  /** Where the candidates are scored before their end: steps of the trials, see `maxStep`. */
  readonly rungs: readonly number[];
  /** Scores of those that still run, at a rung; resolves to the ones that go on. Not asked after a candidate's last step. */
  readonly onRung: (step: number, scores: ReadonlyMap<number, RungScores>) => Promise<ReadonlySet<number>>;
  readonly onStep?: (step: PairStep) => void;
  /** Told when fewer train side by side than were given. */
  readonly onFewer?: (fewer: Fewer) => void;
}

/** In paper mode's first stage there is only `before`. */
export type RungScores = PairScores | { readonly before: number };

export type Ending =
  | { readonly state: 'complete'; readonly scores: PairScores }
  | { readonly state: 'pruned' }
  | { readonly state: 'not_finite' };

/** The state that all candidates begin from. */
export interface Beginning {
  /** Snapshot of the session. */
  readonly slot: number;
  /** Optimizer steps behind it. */
  readonly steps: number;
  /** For penalties that need it. */
  readonly memory: Memory | undefined;
}

export interface BatchRun {
  readonly pair: PairModel;
  readonly beginning: Beginning;
  readonly candidates: readonly Candidate[];
  readonly options: PairRunOptions;
  /** By candidate; filled as they end. */
  readonly endings: Ending[];
}

/** Asks who goes on, if this is a rung; those that do not are pruned. */
export async function askRung(
  { options: { rungs, onRung }, endings }: BatchRun,
  step: number,
  running: ReadonlyMap<number, RungScores>,
): Promise<ReadonlySet<number>> {
  if (running.size === 0 || !rungs.includes(step)) return new Set(running.keys());
  const going = await onRung(step, running);
  for (const index of running.keys()) if (!going.has(index)) endings[index] = { state: 'pruned' };
  return going;
}
