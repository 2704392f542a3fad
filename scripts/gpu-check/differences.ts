/** How far numbers lie apart. */

/** Greatest difference of two numbers in the same place, over the expected one. NaN where only one is finite. */
export function relativeOfEach(actual: Float32Array, expected: Float32Array): number {
  let worst = 0;
  for (const [i, b] of expected.entries()) {
    const a = actual[i]!;
    if (Object.is(a, b)) continue;
    if (!Number.isFinite(a) || !Number.isFinite(b)) return NaN;
    worst = Math.max(worst, Math.abs(a - b) / Math.max(Math.abs(b), 1e-30));
  }
  return worst;
}

/** Greatest difference over the greatest number of the expected tensor. NaN where one of them is not finite. */
export function relativeOfTensor(actual: Float32Array, expected: Float32Array): number {
  let [difference, size] = [0, 0];
  for (const [i, b] of expected.entries()) {
    const a = actual[i]!;
    if (!Number.isFinite(a) || !Number.isFinite(b)) return NaN;
    difference = Math.max(difference, Math.abs(a - b));
    size = Math.max(size, Math.abs(b));
  }
  return difference === 0 ? 0 : difference / Math.max(size, 1e-30);
}

export interface Worst {
  readonly name: string;
  readonly value: number;
}

export function worstOf(values: Iterable<readonly [name: string, value: number]>): Worst {
  let worst: Worst = { name: '', value: 0 };
  // NaN counts as the worst of all.
  for (const [name, value] of values) if (!(value <= worst.value)) worst = { name, value };
  return worst;
}
