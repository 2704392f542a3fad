import assert from 'node:assert/strict';
import { regenerate, tolerances } from './tolerances.ts';

export function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}

/** Infinity where lengths differ or a number is not finite. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!Number.isFinite(difference)) return Infinity;
    most = Math.max(most, difference);
  }
  return most;
}

export interface Gap {
  readonly name: string;
  readonly value: number;
}

/** For each tensor of `expected`, the largest difference relative to its scale; the largest gap first. */
export function gradientGaps(
  actual: ReadonlyMap<string, ArrayLike<number>>,
  expected: ReadonlyMap<string, ArrayLike<number>>,
): Gap[] {
  const { ofTensor, tinyBesideModel } = tolerances.gradient;
  const whole = Math.max(...[...expected.values()].map(largest));
  const gaps = [...expected].map(([name, values]) => {
    // A tensor whose true gradient is zero or nearly so (a key's bias) is judged by the model's largest gradient.
    const allowed = Math.max(ofTensor * largest(values), tinyBesideModel * whole);
    return { name, value: (ofTensor * largestDifference(actual.get(name) ?? [], values)) / allowed };
  });
  return gaps.sort((a, b) => b.value - a.value);
}

export function assertGradients(
  actual: ReadonlyMap<string, ArrayLike<number>>,
  expected: ReadonlyMap<string, ArrayLike<number>>,
  limit: number = tolerances.gradient.ofTensor,
): Gap {
  const gaps = gradientGaps(actual, expected);
  const beyond = gaps.filter(({ value }) => !(value <= limit));
  assert.equal(
    beyond.length,
    0,
    `${beyond.length} of ${gaps.length} tensors are off by more than ${limit}:\n${lines(beyond)}\n${regenerate}`,
  );
  return gaps[0]!;
}

export function assertWithin(what: string, difference: number, limit: number): void {
  assert.ok(difference <= limit, `${what}: off by ${difference.toExponential(2)}, allowed ${limit}. ${regenerate}`);
}

/** Relative difference, element by element. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!) / Math.abs(b[i]!);
    if (!Number.isFinite(difference)) return Infinity;
    most = Math.max(most, difference);
  }
  return most;
}

function lines(gaps: readonly Gap[]): string {
  return gaps
    .slice(0, 12)
    .map(({ name, value }) => `  ${value.toExponential(2)}  ${name}`)
    .join('\n');
}
