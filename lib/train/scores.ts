/** Scores from logits. */
import { predictionsOf } from '../metrics/glue.ts';
import type { EvaluateOptions, Scores } from './model.ts';
import type { Task } from './task.ts';

/**
 * Mean loss over the labelled rows: cross-entropy of softmaxed logits, or mean squared error with one output.
 *
 * @param logits [rows x outputs]
 * @param smoothing share of the label that is spread over all classes
 */
export function meanLoss(logits: Float32Array, labels: Float32Array, outputs: number, smoothing = 0): number {
  let sum = 0;
  let count = 0;
  for (const [row, label] of labels.entries()) {
    if (Number.isNaN(label)) continue;
    count += 1;
    if (outputs === 1) sum += (logits[row]! - label) ** 2;
    else sum += crossEntropy(logits.subarray(row * outputs, (row + 1) * outputs), label, smoothing);
  }
  return sum / count;
}

function crossEntropy(logits: Float32Array, label: number, smoothing: number): number {
  let largest = -Infinity;
  for (const logit of logits) largest = Math.max(largest, logit);
  let total = 0;
  let sum = 0;
  for (const logit of logits) {
    total += Math.exp(logit - largest);
    sum += logit;
  }
  const target =
    smoothing === 0 ? logits[label]! : (1 - smoothing) * logits[label]! + (smoothing * sum) / logits.length;
  return largest + Math.log(total) - target;
}

/** Where the rows have no labels, or the logits are not finite, loss and metrics are NaN (or absent). */
export function scoresOf(
  task: Pick<Task, 'score' | 'mainMetric'>,
  logits: Float32Array,
  labels: Float32Array,
  outputs: number,
  { logits: keepLogits = false, labelSmoothing = 0 }: Pick<EvaluateOptions, 'logits' | 'labelSmoothing'> = {},
): Scores {
  const predictions = predictionsOf(logits, outputs);
  const labelled = labels.length > 0 && !labels.includes(NaN);
  let metrics: Readonly<Record<string, number>> = labelled ? task.score(predictions, labels) : {};
  if (!logits.every(Number.isFinite)) metrics = Object.fromEntries(Object.keys(metrics).map((name) => [name, NaN]));
  return {
    loss: labelled ? meanLoss(logits, labels, outputs, labelSmoothing) : NaN,
    metrics,
    main: metrics[task.mainMetric] ?? NaN,
    predictions,
    ...(keepLogits ? { logits } : {}),
  };
}
