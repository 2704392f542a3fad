/** Regularised least squares in closed form. */
import { CholeskyDecomposition, Matrix as Dense } from 'ml-matrix';
import { centred, type Matrix } from './similarity.ts';

export interface RidgeFit {
  /** [columns x outputs] */
  readonly weights: Float64Array;
  /** [outputs] */
  readonly intercept: Float64Array;
  readonly outputs: number;
}

/** The sums that a fit of any strength needs: made once. */
export interface RidgeProblem {
  readonly columns: number;
  readonly outputs: number;
  /** X'X of the centred features. */
  readonly gram: Dense;
  /** X'Y, both centred. */
  readonly cross: Dense;
  readonly featureMeans: Float64Array;
  readonly targetMeans: Float64Array;
  /** Mean of the diagonal of X'X: what a relative strength is relative to. */
  readonly scale: number;
}

/**
 * @param features [rows x columns]
 * @param targets [rows x outputs]
 */
export function ridgeProblem(features: Matrix, targets: Matrix): RidgeProblem {
  const x = centred(features);
  const y = centred(targets);
  const { rows, columns } = x;
  const outputs = y.columns;
  const gram = Dense.zeros(columns, columns);
  const cross = Dense.zeros(columns, outputs);
  const sums = Array.from({ length: columns }, () => new Float64Array(columns));
  for (let r = 0; r < rows; r++) {
    const row = x.values.subarray(r * columns, (r + 1) * columns);
    for (let i = 0; i < columns; i++) {
      const line = sums[i]!;
      const value = row[i]!;
      for (let j = 0; j <= i; j++) line[j]! += value * row[j]!;
      for (let o = 0; o < outputs; o++) cross.set(i, o, cross.get(i, o) + value * y.values[r * outputs + o]!);
    }
  }
  let trace = 0;
  for (let i = 0; i < columns; i++) {
    trace += sums[i]![i]!;
    for (let j = 0; j <= i; j++) {
      gram.set(i, j, sums[i]![j]!);
      gram.set(j, i, sums[i]![j]!);
    }
  }
  return {
    columns,
    outputs,
    gram,
    cross,
    featureMeans: columnMeans(features),
    targetMeans: columnMeans(targets),
    scale: trace / columns,
  };
}

/** Minimizes |Y - XW - b|^2 + alpha |W|^2; the intercept b is not held back (scikit-learn's `Ridge`). alpha > 0. */
export function ridgeFit(problem: RidgeProblem, alpha: number): RidgeFit {
  const { columns, outputs, gram, cross, featureMeans, targetMeans } = problem;
  const system = gram.clone();
  for (let i = 0; i < columns; i++) system.set(i, i, system.get(i, i) + alpha);
  const solved = new CholeskyDecomposition(system).solve(cross);
  const weights = new Float64Array(columns * outputs);
  const intercept = Float64Array.from(targetMeans);
  for (let i = 0; i < columns; i++) {
    for (let o = 0; o < outputs; o++) {
      const weight = solved.get(i, o);
      weights[i * outputs + o] = weight;
      intercept[o]! -= featureMeans[i]! * weight;
    }
  }
  return { weights, intercept, outputs };
}

/** [rows x outputs] */
export function ridgePredict(
  { weights, intercept, outputs }: RidgeFit,
  { values, rows, columns }: Matrix,
): Float32Array {
  const result = new Float32Array(rows * outputs);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < outputs; o++) {
      let sum = intercept[o]!;
      for (let c = 0; c < columns; c++) sum += values[r * columns + c]! * weights[c * outputs + o]!;
      result[r * outputs + o] = sum;
    }
  }
  return result;
}

function columnMeans({ values, rows, columns }: Matrix): Float64Array {
  const means = new Float64Array(columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) means[c]! += values[r * columns + c]! / rows;
  return means;
}
