import { metricOf, scoreOf } from '../forgetting/scores.ts';
import type { TaskMetric } from '../report/shift-record.ts';
import type { Model } from '../train/model.ts';
import type { PairOptions } from './options.ts';

/** A pair's options with their defaults, the model that candidates are replicas of, and how both tasks are scored. */
export interface PairModel {
  readonly options: PairOptions;
  readonly model: Model;
  readonly mode: 'keep' | 'paper';
  readonly split: string;
  readonly metrics: readonly [TaskMetric, TaskMetric];
}

export function pairModel(options: PairOptions, model: Model): PairModel {
  const { tasks, mode = 'keep', split = 'selection' } = options;
  return {
    options,
    model,
    mode,
    split,
    metrics: [metricOf(tasks[0], mode, split), metricOf(tasks[1], mode, split)],
  };
}

/** Scores of one of the tasks by replica. */
export async function scoresOf(
  { options: { tasks }, model, metrics, split }: PairModel,
  which: 0 | 1,
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  const task = tasks[which];
  const scores = await model.evaluate(task, { split, ...(signal && { signal }) });
  return scores.map((score) => scoreOf(metrics[which], task, score, split));
}
