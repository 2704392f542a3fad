/** Scores of a pair of tasks, learned one after the other. */
import { chanceNormalised } from '../metrics/glue.ts';
import { accuracy } from '../metrics/scores.ts';
import type { Scores } from '../train/model.ts';
import { splitOf, type Task } from '../train/task.ts';
import type { ObjectiveKind, PairScores, TaskMetric } from '../report/shift-record.ts';

/** p_s + p_o as they are where both tasks have the same metric, else with guessing at 0 and perfection at 1 for each. */
export function objectiveKind([first, second]: readonly [TaskMetric, TaskMetric]): ObjectiveKind {
  return first.metric === second.metric ? 'sum' : 'chance-normalised sum';
}

export function objectiveOf(metrics: readonly [TaskMetric, TaskMetric], p_o: number, p_s: number): number {
  if (objectiveKind(metrics) === 'sum') return p_s + p_o;
  return chanceNormalised(p_s, metrics[1].chance) + chanceNormalised(p_o, metrics[0].chance);
}

export function pairScores(
  metrics: readonly [TaskMetric, TaskMetric],
  before: number,
  p_s: number,
  p_o: number,
): PairScores {
  return { before, p_s, p_o, forgetting: before - p_o, objective: objectiveOf(metrics, p_o, p_s) };
}

/** The task's own main metric; in paper mode plain accuracy for every classification task, as published (arXiv 2404.01317, its code). */
export function metricOf(task: Task, mode: 'keep' | 'paper', split: string): TaskMetric {
  if (mode === 'keep' || task.labels === null || task.mainMetric === 'accuracy') {
    return { task: task.name, metric: task.mainMetric, chance: task.chance ?? 0 };
  }
  return { task: task.name, metric: 'accuracy', chance: commonest(splitOf(task, split).labels) };
}

/** One replica's score by that metric. */
export function scoreOf({ metric }: TaskMetric, task: Task, scores: Scores, split: string): number {
  const known = scores.metrics[metric];
  if (known !== undefined) return known;
  return Number.isNaN(scores.loss) ? NaN : accuracy(scores.predictions, splitOf(task, split).labels);
}

/** Share of the commonest label. */
function commonest(labels: Float32Array): number {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Math.max(...counts.values()) / labels.length;
}
