import { type Losses, toLosses } from '../pareto.ts';
import type { PruneRequest } from '../pruner.ts';
import type { Direction } from '../space.ts';
import type { Trial } from '../trial.ts';

/** Scores as losses; if one of them is not finite, the worst there can be in all. */
export function finiteLosses(values: readonly number[], directions: readonly Direction[]): Losses {
  return values.every(Number.isFinite) ? toLosses(values, directions) : directions.map(() => Infinity);
}

/** What a trial reported at exactly this step. */
export function lossesAt(trial: Trial, step: number, directions: readonly Direction[]): Losses | undefined {
  const report = trial.reports.find((candidate) => candidate.step === step);
  return report && finiteLosses(report.values, directions);
}

/** All trials of the study, those of the batch with their newest reports, by number. */
export function allTrials({ trials, batch }: PruneRequest): readonly Trial[] {
  const byNumber = new Map([...trials, ...batch].map((trial) => [trial.number, trial]));
  return [...byNumber.values()].sort((a, b) => a.number - b.number);
}

/** grace, grace x reduction, … below maxStep. */
export function geometricRungs(grace: number, reduction: number, maxStep: number): number[] {
  const rungs: number[] = [];
  for (let step = grace; step < maxStep; step *= reduction) rungs.push(step);
  return rungs;
}
