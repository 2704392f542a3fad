import { createRandom } from '../../../../lib/random.ts';
import type { Matrix } from '../../../../lib/forgetting/measure/similarity.ts';

export function matrixOf(rows: readonly (readonly number[])[]): Matrix {
  return { values: Float64Array.from(rows.flat()), rows: rows.length, columns: rows[0]!.length };
}

/** Numbers in [-1, 1). */
export function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const random = createRandom(seed, rows, columns);
  return { values: Float64Array.from({ length: rows * columns }, () => 2 * random.float() - 1), rows, columns };
}

export function multiply(a: Matrix, b: Matrix): Matrix {
  const values = new Float64Array(a.rows * b.columns);
  for (let i = 0; i < a.rows; i++)
    for (let j = 0; j < b.columns; j++)
      for (let c = 0; c < a.columns; c++)
        values[i * b.columns + j]! += a.values[i * a.columns + c]! * b.values[c * b.columns + j]!;
  return { values, rows: a.rows, columns: b.columns };
}

export function transpose(a: Matrix): Matrix {
  const values = Float64Array.from(a.values, (_, i) => a.values[(i % a.rows) * a.columns + Math.floor(i / a.rows)]!);
  return { values, rows: a.columns, columns: a.rows };
}

export function near(actual: number | null | undefined, expected: number, tolerance: number, what = ''): void {
  if (!(Math.abs((actual ?? NaN) - expected) <= tolerance))
    throw new Error(`${what}: ${actual} is not within ${tolerance} of ${expected}`);
}
