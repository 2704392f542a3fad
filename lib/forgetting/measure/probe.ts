/** Whether the first task can still be read off frozen features by a new linear head. */
import { setImmediate } from 'node:timers/promises';
import { predictionsOf } from '../../metrics/glue.ts';
import type { Measured } from '../../report/measures-record.ts';
import { outputsOf, type Task } from '../../train/task.ts';
import { measured } from './parts.ts';
import { ridgeFit, ridgePredict, ridgeProblem } from './ridge.ts';
import type { Matrix } from './similarity.ts';

/** Strengths tried, relative to the mean variance of a feature (times the rows): tenfold steps. */
export const probeStrengths = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10] as const;

/** Rows with features and labels. */
export interface Examples {
  readonly features: Matrix;
  readonly labels: Float32Array;
}

export interface ProbeFit {
  /** The task's main metric on the scored rows. */
  readonly score: Measured;
  readonly strength: Measured;
}

type Probed = Pick<Task, 'labels' | 'score' | 'mainMetric'>;

/**
 * Fits a linear probe (Alain and Bengio 2016) by regularised least squares: on one-hot labels for classes, where the largest output wins, on the values themselves
 * for regression. The strength is the best of `probeStrengths` on the last quarter of the train rows when fitted on the others (of equals the largest); then all are fitted.
 * Null where features are not finite.
 *
 * @param train at least 4 rows, in an order that does not depend on their labels
 */
export async function fitProbe(task: Probed, train: Examples, scored: Examples): Promise<ProbeFit> {
  const finite = [train, scored].every(({ features }) => features.values.every(Number.isFinite));
  if (!finite) return { score: null, strength: null };
  const strength = await chooseStrength(task, train);
  const problem = ridgeProblem(train.features, targetsOf(task, train.labels));
  if (problem.scale === 0) return { score: null, strength: null };
  const fit = ridgeFit(problem, strength * problem.scale);
  return { score: scoreOf(task, ridgePredict(fit, scored.features), scored.labels), strength };
}

async function chooseStrength(task: Probed, train: Examples): Promise<number> {
  const fitted = Math.ceil((train.labels.length * 3) / 4);
  const part = cut(train, 0, fitted);
  const held = cut(train, fitted, train.labels.length);
  const problem = ridgeProblem(part.features, targetsOf(task, part.labels));
  let best = probeStrengths.at(-1)!;
  let bestScore = -Infinity;
  if (problem.scale === 0) return best;
  for (const strength of probeStrengths.toReversed()) {
    // A factorization of a wide layer takes a while: let others have the thread between two of them.
    await setImmediate();
    const fit = ridgeFit(problem, strength * problem.scale);
    const score = scoreOf(task, ridgePredict(fit, held.features), held.labels) ?? -Infinity;
    if (score > bestScore) [best, bestScore] = [strength, score];
  }
  return best;
}

function scoreOf(task: Probed, outputs: Float32Array, labels: Float32Array): Measured {
  return measured(task.score(predictionsOf(outputs, outputsOf(task)), labels)[task.mainMetric] ?? NaN);
}

/** One-hot labels, or the values. */
function targetsOf(task: Pick<Task, 'labels'>, labels: Float32Array): Matrix {
  const columns = outputsOf(task);
  const values = new Float64Array(labels.length * columns);
  for (const [r, label] of labels.entries()) {
    if (task.labels === null) values[r] = label;
    else values[r * columns + label] = 1;
  }
  return { values, rows: labels.length, columns };
}

function cut({ features: { values, columns }, labels }: Examples, from: number, to: number): Examples {
  return {
    features: { values: values.subarray(from * columns, to * columns), rows: to - from, columns },
    labels: labels.subarray(from, to),
  };
}
