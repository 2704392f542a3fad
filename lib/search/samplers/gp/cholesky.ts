/** A lower triangular matrix by rows, `stride` numbers each: a row may be appended without moving the others. */
export interface Factor {
  readonly data: Float64Array;
  readonly stride: number;
  readonly size: number;
}

/**
 * Cholesky factor of the symmetric matrix in the lower triangle of `data` (rows of `stride` numbers), in its place.
 *
 * @returns undefined if the matrix is not positive definite
 */
export function factorise(data: Float64Array, size: number, stride: number): Factor | undefined {
  for (let i = 0; i < size; i++) {
    const row = i * stride;
    for (let j = 0; j < i; j++) {
      const other = j * stride;
      data[row + j] = (data[row + j]! - dot(data, row, data, other, j)) / data[other + j]!;
    }
    const pivot = data[row + i]! - dot(data, row, data, row, i);
    if (!(pivot > 0)) return undefined;
    data[row + i] = Math.sqrt(pivot);
  }
  return { data, stride, size };
}

/** The factor of a matrix with one more row; `row` ends with the diagonal. The rank-one step: O(n^2). */
export function appendRow(factor: Factor, row: Float64Array, smallest: number): Factor {
  const { data, stride, size } = factor;
  const v = row.slice(0, size);
  solveLower(factor, v);
  data.set(v, size * stride);
  data[size * stride + size] = Math.sqrt(Math.max(row[size]! - dot(v, 0, v, 0, size), smallest));
  return { data, stride, size: size + 1 };
}

/** Solves L x = b in place of b. */
export function solveLower({ data, stride, size }: Factor, b: Float64Array): void {
  for (let i = 0; i < size; i++) {
    const row = i * stride;
    b[i] = (b[i]! - dot(data, row, b, 0, i)) / data[row + i]!;
  }
}

/** Solves L^T x = b in place of b. */
export function solveUpper({ data, stride, size }: Factor, b: Float64Array): void {
  for (let i = size - 1; i >= 0; i--) {
    const row = i * stride;
    const x = b[i]! / data[row + i]!;
    b[i] = x;
    for (let j = 0; j < i; j++) b[j]! -= x * data[row + j]!;
  }
}

/** The lower triangle of (L L^T)^-1, by rows of `size` numbers. */
export function inverse({ data, stride, size }: Factor): Float64Array {
  // Row i of the transposed inverse of L: rows are contiguous in all inner loops.
  const upper = new Float64Array(size * size);
  for (let j = 0; j < size; j++) {
    const column = j * size;
    upper[column + j] = 1 / data[j * stride + j]!;
    for (let i = j + 1; i < size; i++) {
      const row = i * stride;
      upper[column + i] = -dot(data, row + j, upper, column + j, i - j) / data[row + i]!;
    }
  }
  const result = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) result[i * size + j] = dot(upper, i * size + i, upper, j * size + i, size - i);
  }
  return result;
}

export function logDeterminant({ data, stride, size }: Factor): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += Math.log(data[i * stride + i]!);
  return 2 * sum;
}

/** Four sums side by side: the additions need not wait for each other. */
export function dot(a: Float64Array, aStart: number, b: Float64Array, bStart: number, count: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < count; i += 4) {
    s0 += a[aStart + i]! * b[bStart + i]!;
    s1 += a[aStart + i + 1]! * b[bStart + i + 1]!;
    s2 += a[aStart + i + 2]! * b[bStart + i + 2]!;
    s3 += a[aStart + i + 3]! * b[bStart + i + 3]!;
  }
  for (; i < count; i++) s0 += a[aStart + i]! * b[bStart + i]!;
  return s0 + s1 + (s2 + s3);
}
