import { sampleCorrelation, sampleRankCorrelation } from 'simple-statistics';

type Values = ArrayLike<number>;

/** Share of predictions equal to their label. */
export function accuracy(predictions: Values, labels: Values): number {
  check(predictions, labels);
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predictions[i] === labels[i]) right++;
  return right / labels.length;
}

/** F1 of class 1 (scikit-learn's `f1_score` for two classes); 0 where nothing is or should be positive. */
export function f1(predictions: Values, labels: Values): number {
  check(predictions, labels);
  let hits = 0;
  let claimed = 0;
  let real = 0;
  for (let i = 0; i < labels.length; i++) {
    const p = predictions[i] === 1;
    const l = labels[i] === 1;
    if (p) claimed++;
    if (l) real++;
    if (p && l) hits++;
  }
  return claimed + real === 0 ? 0 : (2 * hits) / (claimed + real);
}

/**
 * Matthews correlation for any number of classes (Gorodkin 2004, as scikit-learn's `matthews_corrcoef`); 0 where predictions or labels
 * are all of one class.
 */
export function matthewsCorrelation(predictions: Values, labels: Values): number {
  check(predictions, labels);
  const n = labels.length;
  const predicted = new Map<number, number>();
  const actual = new Map<number, number>();
  let right = 0;
  for (let i = 0; i < n; i++) {
    const p = predictions[i]!;
    const l = labels[i]!;
    predicted.set(p, (predicted.get(p) ?? 0) + 1);
    actual.set(l, (actual.get(l) ?? 0) + 1);
    if (p === l) right++;
  }
  let both = 0;
  for (const [label, count] of actual) both += count * (predicted.get(label) ?? 0);
  const squares = (counts: Map<number, number>) => [...counts.values()].reduce((sum, c) => sum + c * c, 0);
  const spread = Math.sqrt(n * n - squares(predicted)) * Math.sqrt(n * n - squares(actual));
  return spread === 0 ? 0 : (right * n - both) / spread;
}

/** Pearson correlation; 0 where either side is constant (SciPy gives NaN there). */
export function pearson(predictions: Values, labels: Values): number {
  check(predictions, labels);
  if (isConstant(predictions) || isConstant(labels)) return 0;
  return clamp(sampleCorrelation(Array.from(predictions), Array.from(labels)));
}

/** Spearman rank correlation, ties at their mean rank; 0 where either side is constant (SciPy gives NaN there). */
export function spearman(predictions: Values, labels: Values): number {
  check(predictions, labels);
  if (isConstant(predictions) || isConstant(labels)) return 0;
  return clamp(sampleRankCorrelation(Array.from(predictions), Array.from(labels)));
}

function isConstant(values: Values): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}

function clamp(r: number): number {
  return Math.max(-1, Math.min(1, r));
}

function check(predictions: Values, labels: Values): void {
  if (predictions.length !== labels.length) {
    throw new RangeError(`${predictions.length} predictions for ${labels.length} labels`);
  }
  if (labels.length === 0) throw new RangeError('no rows to score');
  for (let i = 0; i < labels.length; i++) {
    if (Number.isNaN(labels[i])) throw new RangeError(`row ${i} has no label, so it cannot be scored`);
  }
}
