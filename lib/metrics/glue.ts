import { accuracy, f1, matthewsCorrelation, pearson, spearman } from './scores.ts';
import type { MetricName } from './names.ts';

const functions: Readonly<Record<MetricName, (predictions: ArrayLike<number>, labels: ArrayLike<number>) => number>> = {
  accuracy,
  f1,
  matthews_correlation: matthewsCorrelation,
  pearson,
  spearmanr: spearman,
};

/**
 * The named metrics of predictions (class indices or regression values) against labels, and, as run_glue reports it, their mean as
 * `combined_score` if there is more than one. Throws a RangeError if lengths differ, there are no rows or a label is missing.
 */
export function computeMetrics(
  names: readonly MetricName[],
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
): Record<string, number> {
  const scores: Record<string, number> = {};
  for (const name of names) scores[name] = functions[name](predictions, labels);
  if (names.length > 1) {
    scores['combined_score'] = names.reduce((sum, name) => sum + scores[name]!, 0) / names.length;
  }
  return scores;
}

/**
 * Class indices (the first of the largest) or, with one output, the values themselves, from logits `[rows x outputs]`.
 */
export function predictionsOf(logits: Float32Array, outputs: number): Float32Array {
  if (outputs === 1) return logits.slice();
  const predictions = new Float32Array(logits.length / outputs);
  for (let row = 0; row < predictions.length; row++) {
    let best = 0;
    for (let c = 1; c < outputs; c++) {
      if (logits[row * outputs + c]! > logits[row * outputs + best]!) best = c;
    }
    predictions[row] = best;
  }
  return predictions;
}

/** A score with guessing at 0 and perfection at 1: (score - chance) / (1 - chance). */
export function chanceNormalised(score: number, chance: number): number {
  return (score - chance) / (1 - chance);
}
