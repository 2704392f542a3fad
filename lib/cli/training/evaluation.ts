/** Evaluation of a task's splits under run_glue's keys. */
import type { Metrics } from '../../train/results.ts';
import { evalMetrics, suffixOf } from '../../train/results.ts';
import type { Model } from '../../train/model.ts';
import { longestRow, rowsOf, type Task } from '../../train/task.ts';

/** Metrics of every replica over these splits, joined in one object each: MNLI's matched rows plain, its mismatched with `_mm`. */
export async function evaluateSplits(
  model: Model,
  task: Task,
  splits: readonly string[],
  options: { batchSize: number; labelSmoothing?: number; epoch?: number; signal: AbortSignal },
): Promise<readonly Metrics[]> {
  const { batchSize, labelSmoothing = 0, epoch, signal } = options;
  const joined: Record<string, number>[] = Array.from({ length: model.replicas }, () => ({}));
  for (const split of splits) {
    const rows = task.splits[split]!;
    const samples = rowsOf(rows);
    const began = performance.now();
    const scores = await model.evaluate(task, {
      split,
      signal,
      labelSmoothing,
      batchTokens: Math.max(batchSize * longestRow(rows), 512),
    });
    const seconds = (performance.now() - began) / 1000;
    for (const [k, score] of scores.entries()) {
      Object.assign(
        joined[k]!,
        evalMetrics(score, {
          samples,
          batches: Math.ceil(samples / batchSize),
          seconds,
          suffix: suffixOf(split),
          ...(epoch === undefined ? {} : { epoch }),
        }),
      );
    }
  }
  return joined;
}

/** `  eval_accuracy  0.8627` lines, as run_glue prints them. */
export function metricLines(metrics: Metrics): string {
  const width = Math.max(...Object.keys(metrics).map((name) => name.length));
  return Object.entries(metrics)
    .map(
      ([name, value]) =>
        `  ${name.padEnd(width)} = ${Number.isInteger(value) ? value : Number.isFinite(value) ? value.toFixed(4) : 'not finite'}`,
    )
    .join('\n');
}
