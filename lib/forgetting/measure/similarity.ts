/** Whether representations are still the same up to rotation and scale. */
import type { Measured } from '../../report/measures-record.ts';
import { measured } from './parts.ts';

/** A matrix, row by row. */
export interface Matrix {
  readonly values: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Layer `layer` of the states that `evaluate` gives for one replica, centred: every column has mean 0.
 *
 * @param states [rows x layers x hidden]
 */
export function centredLayer(states: Float32Array, rows: number, layers: number, layer: number): Matrix {
  const columns = states.length / (rows * layers);
  const values = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) values[r * columns + c] = states[(r * layers + layer) * columns + c]!;
  return centred({ values, rows, columns });
}

export function centred({ values, rows, columns }: Matrix): Matrix {
  const result = Float64Array.from(values);
  for (let c = 0; c < columns; c++) {
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += values[r * columns + c]!;
    const mean = sum / rows;
    for (let r = 0; r < rows; r++) result[r * columns + c]! -= mean;
  }
  return { values: result, rows, columns };
}

/**
 * Linear CKA (Kornblith et al. 2019, eq. 5 and section 4): |Y'X|^2 / (|X'X| |Y'Y|) with Frobenius norms of column-centred X [rows x p] and Y [rows x q].
 * 1 for the same representation up to an orthogonal transform and a scale; null where one of the two does not vary at all.
 *
 * Where there are fewer rows than columns, the same number from the Gram matrices, <XX', YY'> / (|XX'| |YY'|), is cheaper.
 *
 * @param x centred
 * @param y centred, of as many rows
 */
export function linearCka(x: Matrix, y: Matrix): Measured {
  if (x.rows !== y.rows) throw new RangeError(`${x.rows} rows cannot be compared with ${y.rows}`);
  // Exactly 1 below what learned, where rounding would leave something near it.
  if (x.columns === y.columns && x.values.every((value, i) => value === y.values[i]))
    return x.values.some((value) => value !== 0) ? 1 : null;
  const { cross, own, other } = x.rows < Math.min(x.columns, y.columns) ? byRows(x, y) : byColumns(x, y);
  return own === 0 || other === 0 ? null : measured(cross / Math.sqrt(own * other));
}

interface Norms {
  readonly cross: number;
  readonly own: number;
  readonly other: number;
}

function byColumns(x: Matrix, y: Matrix): Norms {
  const tx = transposed(x);
  const ty = transposed(y);
  return { cross: squaredProducts(tx, ty), own: squaredGram(tx), other: squaredGram(ty) };
}

function byRows(x: Matrix, y: Matrix): Norms {
  let cross = 0;
  let own = 0;
  let other = 0;
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j <= i; j++) {
      const a = dot(x, i, x, j);
      const b = dot(y, i, y, j);
      const weight = i === j ? 1 : 2;
      cross += weight * a * b;
      own += weight * a * a;
      other += weight * b * b;
    }
  }
  return { cross, own, other };
}

/** |A B'|^2 */
function squaredProducts(a: Matrix, b: Matrix): number {
  let sum = 0;
  for (let i = 0; i < a.rows; i++) for (let j = 0; j < b.rows; j++) sum += dot(a, i, b, j) ** 2;
  return sum;
}

/** |A A'|^2, each product that occurs twice made once. */
function squaredGram(a: Matrix): number {
  let sum = 0;
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < i; j++) sum += 2 * dot(a, i, a, j) ** 2;
    sum += dot(a, i, a, i) ** 2;
  }
  return sum;
}

function dot(a: Matrix, i: number, b: Matrix, j: number): number {
  const { columns } = a;
  const x = a.values;
  const y = b.values;
  let sum = 0;
  for (let c = 0, p = i * columns, q = j * columns; c < columns; c++) sum += x[p + c]! * y[q + c]!;
  return sum;
}

function transposed({ values, rows, columns }: Matrix): Matrix {
  const result = new Float64Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = values[r * columns + c]!;
  return { values: result, rows: columns, columns: rows };
}
