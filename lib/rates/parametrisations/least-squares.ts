/** x that makes |A x - b| smallest, for a matrix of rows with full column rank, by Householder reflections. Undefined without full rank. */
export function leastSquares(rows: readonly ArrayLike<number>[], b: ArrayLike<number>): number[] | undefined {
  const columns = rows[0]!.length;
  const m = rows.length;
  if (m < columns) return undefined;
  const a = rows.map((row) => Float64Array.from(row));
  const y = Float64Array.from(b);
  const scale = Math.max(...a.flatMap((row) => Array.from(row, Math.abs)));
  for (let j = 0; j < columns; j++) {
    let norm = 0;
    for (let i = j; i < m; i++) norm = Math.hypot(norm, a[i]![j]!);
    if (!(norm > scale * 1e-12)) return undefined;
    const alpha = a[j]![j]! > 0 ? -norm : norm;
    const v = Float64Array.from(a, (row, i) => (i < j ? 0 : row[j]! - (i === j ? alpha : 0)));
    const square = v.reduce((sum, value) => sum + value * value, 0);
    const reflect = (get: (i: number) => number, set: (i: number, value: number) => void): void => {
      let dot = 0;
      for (let i = j; i < m; i++) dot += v[i]! * get(i);
      const factor = (2 * dot) / square;
      for (let i = j; i < m; i++) set(i, get(i) - factor * v[i]!);
    };
    for (let k = j; k < columns; k++)
      reflect(
        (i) => a[i]![k]!,
        (i, value) => void (a[i]![k] = value),
      );
    reflect(
      (i) => y[i]!,
      (i, value) => void (y[i] = value),
    );
  }
  const x = new Array<number>(columns).fill(0);
  for (let j = columns - 1; j >= 0; j--) {
    let sum = y[j]!;
    for (let k = j + 1; k < columns; k++) sum -= a[j]![k]! * x[k]!;
    x[j] = sum / a[j]![j]!;
  }
  return x;
}
