/** Scores from logits. */
import { predictionsOf } from '../metrics/glue.ts';
import type { Scores } from './model.ts';
import type { Task } from './task.ts';

/**
 * Mean loss over the labelled rows: cross-entropy of softmaxed logits, or mean squared error with one output.
 *
 * @param logits [rows x outputs]
 */
export function meanLoss(logits: Float32Array, labels: Float32Array, outputs: number): number {
  let sum = 0;
  let count = 0;
  for (const [row, label] of labels.entries()) {
    if (Number.isNaN(label)) continue;
    count += 1;
    if (outputs === 1) sum += (logits[row]! - label) ** 2;
    else sum += crossEntropy(logits, row * outputs, outputs, label);
  }
  return sum / count;
}

function crossEntropy(logits: Float32Array, at: number, outputs: number, label: number): number {
  let largest = -Infinity;
  for (let c = 0; c < outputs; c++) largest = Math.max(largest, logits[at + c]!);
  let total = 0;
  for (let c = 0; c < outputs; c++) total += Math.exp(logits[at + c]! - largest);
  return largest + Math.log(total) - logits[at + label]!;
}

/** Where the rows have no labels, or the logits are not finite, loss and metrics are NaN (or absent). */
export function scoresOf(
  task: Pick<Task, 'score' | 'mainMetric'>,
  logits: Float32Array,
  labels: Float32Array,
  outputs: number,
  keepLogits: boolean,
): Scores {
  const predictions = predictionsOf(logits, outputs);
  const labelled = labels.length > 0 && !labels.includes(NaN);
  let metrics: Readonly<Record<string, number>> = labelled ? task.score(predictions, labels) : {};
  if (!logits.every(Number.isFinite)) metrics = Object.fromEntries(Object.keys(metrics).map((name) => [name, NaN]));
  return {
    loss: labelled ? meanLoss(logits, labels, outputs) : NaN,
    metrics,
    main: metrics[task.mainMetric] ?? NaN,
    predictions,
    ...(keepLogits ? { logits } : {}),
  };
}
