/** Which trials of a study are good. */
import { nonDominatedSort, toLosses } from '../../search/pareto.ts';
import type { StoredStudy } from '../../search/storage/storage.ts';
import { isFinished, type Trial } from '../../search/trial.ts';

export function isEligible({ state, constraints }: Trial): boolean {
  return state === 'complete' && (constraints ?? []).every((value) => value <= 0);
}

/** Complete trials that keep the constraints, the best first: by front, then by the sum of the values. */
export function ranked({ directions }: Pick<StoredStudy, 'directions'>, trials: readonly Trial[]): readonly Trial[] {
  const eligible = trials.filter(isEligible);
  const losses = eligible.map(({ values }) => toLosses(values!, directions));
  const total = (i: number): number => losses[i]!.reduce((sum, loss) => sum + loss, 0);
  return nonDominatedSort(losses).flatMap((front) =>
    [...front].sort((a, b) => total(a) - total(b) || a - b).map((i) => eligible[i]!),
  );
}

/** Whether a trial trained everything with one rate. */
export function isFlat({ attributes }: Trial): boolean {
  const stages = attributes['rates'] as readonly Readonly<Record<string, number>>[] | undefined;
  const rates = stages?.flatMap((stage) => Object.values(stage)) ?? [];
  return rates.length > 0 && Math.max(...rates) <= Math.min(...rates) * (1 + 1e-6);
}

export interface Counts {
  readonly complete: number;
  readonly pruned: number;
  readonly failed: number;
  readonly running: number;
  readonly waiting: number;
}

export function countStates(trials: readonly Trial[]): Counts {
  const count = (state: Trial['state']): number => trials.filter((trial) => trial.state === state).length;
  return {
    complete: count('complete'),
    pruned: count('pruned'),
    failed: count('failed'),
    running: count('running'),
    waiting: count('waiting'),
  };
}

/** `40 complete, 8 pruned, 2 failed`. */
export function countsText(counts: Counts): string {
  const parts = Object.entries(counts).flatMap(([state, n]) => (n > 0 ? [`${n} ${state}`] : []));
  return parts.length === 0 ? 'no trials' : parts.join(', ');
}

export function finishedCount(trials: readonly Trial[]): number {
  return trials.filter((trial) => trial.origin !== 'attached' && isFinished(trial)).length;
}
