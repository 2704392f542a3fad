import {
  type PairScores,
  type RunRecord,
  scoreNames,
  type SummaryRecord,
  type TaskMetric,
} from '../report/shift-record.ts';
import { pairedDifference, spread } from '../report/spread.ts';

function byScore<T>(value: (name: keyof PairScores) => T): Record<keyof PairScores, T> {
  return Object.fromEntries(scoreNames.map((name) => [name, value(name)])) as Record<keyof PairScores, T>;
}

/** Each distribution over the seeds, and its difference to the first, paired by seed. `runs` has every distribution under every seed. */
export function summarize(
  names: readonly string[],
  seeds: readonly number[],
  runs: readonly RunRecord[],
): SummaryRecord[] {
  const of = (distribution: string, name: keyof PairScores): number[] =>
    seeds.map((seed) => runs.find((run) => run.distribution === distribution && run.seed === seed)?.[name] ?? NaN);
  return names.map((distribution, k) => ({
    distribution,
    scores: byScore((name) => spread(of(distribution, name))),
    ...(k === 0
      ? {}
      : { difference: byScore((name) => pairedDifference(of(distribution, name), of(names[0]!, name))) }),
  }));
}

/** How near to guessing a score must be for us to say that nothing was learned, on the scale from guessing (0) to perfect (1). */
const nothing = 0.05;

/** Warnings that the numbers themselves call for. */
export function notesOn(
  [first, second]: readonly [TaskMetric, TaskMetric],
  summary: readonly SummaryRecord[],
  runs: readonly RunRecord[],
  seeds: number,
): string[] {
  const share = (score: number, { chance }: TaskMetric): number => (score - chance) / (1 - chance);
  const idle = (score: 'before' | 'p_s', metric: TaskMetric): string[] =>
    summary.filter((row) => share(row.scores[score].mean, metric) < nothing).map((row) => row.distribution);
  const notes: string[] = [];
  const unlearned = idle('before', first);
  if (unlearned.length > 0)
    notes.push(
      `${first.task} was hardly learned in the first stage (${unlearned.join(', ')}): there is little to forget.`,
    );
  const stuck = idle('p_s', second);
  if (stuck.length > 0)
    notes.push(
      `${second.task} was hardly learned (${stuck.join(', ')}): keeping the first task is then no achievement.`,
    );
  const broken = new Map<string, number>();
  for (const run of runs)
    if (run.state === 'not_finite') broken.set(run.distribution, (broken.get(run.distribution) ?? 0) + 1);
  for (const [distribution, count] of broken)
    notes.push(
      `${distribution}: the loss stopped being finite with ${count} of ${seeds} seeds; these are left out of its means.`,
    );
  if (seeds === 1) notes.push('One seed: differences between distributions may be chance.');
  return notes;
}
