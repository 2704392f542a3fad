/**
 * Scores of a sequence of tasks: `R[i][j]` is the score on task j after training stage i (both from 0), one stage for each task.
 * Higher scores must be better. See paper notes: Lopez-Paz & Ranzato 2017 (ACC, BWT, FWT), Chaudhry et al. 2018 (forgetting, intransigence).
 */
export type ScoreMatrix = readonly (readonly number[])[];

/** ACC: mean score over all tasks after the last stage. */
export function averageAccuracy(R: ScoreMatrix): number {
  const T = check(R, 1);
  return mean(R[T - 1]!.slice(0, T));
}

/**
 * BWT: mean over all tasks but the last of the final score less the score right after the task was learned. Negative = forgotten; for two
 * tasks `p_o - before`.
 */
export function backwardTransfer(R: ScoreMatrix): number {
  const T = check(R, 2);
  return mean(upTo(T - 1).map((j) => R[T - 1]![j]! - R[j]![j]!));
}

/** FWT: mean over all tasks but the first of the score just before the task is learned, less that of an untrained model (`baseline[j]`). */
export function forwardTransfer(R: ScoreMatrix, baseline: readonly number[]): number {
  const T = check(R, 2);
  if (baseline.length < T) throw new RangeError(`${baseline.length} baseline scores for ${T} tasks`);
  return mean(upTo(T - 1).map((j) => R[j]![j + 1]! - baseline[j + 1]!));
}

/**
 * Forgetting (positive = forgotten): mean over all tasks but the last of the best score so far less the final one.
 * `original` (Chaudhry et al.) takes the best over the stages before the last, so that a task that got better at the end has negative
 * forgetting; `nonNegative` (as in the Mammoth library) takes it over all stages, so it cannot fall below 0. For two tasks the original one
 * is `before - p_o`, the negative of BWT.
 */
export function forgetting(R: ScoreMatrix, convention: 'original' | 'nonNegative' = 'original'): number {
  const T = check(R, 2);
  const stages = convention === 'original' ? T - 1 : T;
  return mean(upTo(T - 1).map((j) => Math.max(...upTo(stages).map((l) => R[l]![j]!)) - R[T - 1]![j]!));
}

/** Intransigence: mean over tasks of the score of a model trained on all tasks jointly (`joint[j]`) less the score right after the task was learned. Positive = learned less well. */
export function intransigence(R: ScoreMatrix, joint: readonly number[]): number {
  const T = check(R, 1);
  if (joint.length < T) throw new RangeError(`${joint.length} joint scores for ${T} tasks`);
  return mean(upTo(T).map((j) => joint[j]! - R[j]![j]!));
}

function check(R: ScoreMatrix, least: number): number {
  const T = R.length;
  if (T < least) throw new RangeError(`needs at least ${least} tasks, not ${T}`);
  for (const [i, row] of R.entries()) {
    if (row.length !== T) throw new RangeError(`stage ${i} has ${row.length} scores for ${T} tasks`);
  }
  return T;
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
