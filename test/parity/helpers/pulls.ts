/** The pulls towards an anchor, from the formulas of the papers, in double precision. */
import assert from 'node:assert/strict';
import type { NativePenalty } from '../../../lib/native/boundary.ts';
import type { Doubles } from './adam.ts';
import type { Values } from './tiny.ts';
import { assertSameTensors, onCpu } from '../../helpers/device.ts';

export interface Pulled {
  readonly penalty: NativePenalty;
  readonly weights: Values;
  readonly anchor: Values;
  readonly fisher?: Values;
  readonly anchored: (name: string) => boolean;
}

/** Derivative of the penalty for one tensor: L2-SP a (w - w0) or b w, EWC l F (w - w0). RecAdam has none: it pulls after Adam. */
export function pull(name: string, { penalty, weights, anchor, fisher, anchored }: Pulled): Float64Array {
  const w = weights.get(name)!;
  const w0 = anchor.get(name)!;
  const body = anchored(name);
  return Float64Array.from(w, (value, i) => {
    if (penalty.kind === 'l2-sp') return body ? penalty.strength * (value - w0[i]!) : penalty.headStrength * value;
    if (penalty.kind === 'ewc') return body ? penalty.strength * fisher!.get(name)![i]! * (value - w0[i]!) : 0;
    return 0;
  });
}

/** Gradients of the task with the pull added, for these tensors. */
export function withPull(gradients: Values, names: readonly string[], pulled: Pulled): Doubles {
  return new Map(
    names.map((name) => {
      const added = pull(name, pulled);
      return [name, Float64Array.from(gradients.get(name)!, (g, i) => g + added[i]!)];
    }),
  );
}

export function normOf(gradients: ReadonlyMap<string, ArrayLike<number>>): number {
  let sum = 0;
  for (const values of gradients.values()) for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
}

/** Every element within `relative` of the larger of expected and `scale`'s element (what was added up to it), plus `absolute`. */
export function assertNear(
  what: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  limits: { readonly relative: number; readonly absolute?: number; readonly scale?: ArrayLike<number> },
): void {
  assert.equal(actual.length, expected.length, what);
  for (let i = 0; i < actual.length; i++) {
    const size = Math.max(Math.abs(expected[i]!), Math.abs(limits.scale?.[i] ?? 0));
    const allowed = limits.relative * size + (limits.absolute ?? 0);
    if (!(Math.abs(actual[i]! - expected[i]!) <= allowed))
      assert.fail(
        `${what}[${i}]: ${actual[i]} instead of ${expected[i]}, allowed difference ${allowed.toExponential(2)}`,
      );
  }
}

/** Same bits in every tensor; says where not. */
export function assertSame(what: string, actual: Values, expected: Values): void {
  if (!onCpu) return assertSameTensors(what, actual, expected);
  assert.deepEqual([...actual.keys()], [...expected.keys()], what);
  for (const [name, values] of expected) {
    const at = actual.get(name)!.findIndex((value, i) => !Object.is(value, values[i]));
    if (at >= 0) assert.fail(`${what}: ${name}[${at}] is ${actual.get(name)![at]} instead of ${values[at]}`);
  }
}
