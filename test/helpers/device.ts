/** The device that native and parity tests run on: LRDIST_TEST_DEVICE (cpu, cuda, cuda:N, emulated), else the processor. */
import assert from 'node:assert/strict';
import type { Matmul } from '../../lib/native/boundary.ts';

export const testDevice = process.env['LRDIST_TEST_DEVICE'] ?? 'cpu';
export const onCpu = testDevice === 'cpu';
/** Other devices have no choice of libraries. */
export const testMatmul: Matmul = onCpu ? 'mkl' : 'auto';

/** For `test(name, { skip: cpuOnly }, ...)`: of what is the processor's alone, such as its libraries for matrix products. */
export const cpuOnly = onCpu ? false : `it is about the processor, not about ${testDevice}`;

type Floats = Float32Array | Float64Array | readonly number[];

/**
 * The same numbers, computed another way: bit for bit on the processor. Elsewhere matrix products of another shape may add in another order, so there the
 * greatest difference must be within `tolerance` of the greatest number.
 */
export function assertSameNumbers(actual: Floats, expected: Floats, message = '', tolerance = 1e-5): void {
  if (onCpu) {
    assert.deepEqual(actual, expected, message);
    return;
  }
  assert.equal(actual.length, expected.length, message);
  const size = Array.from(expected).reduce(
    (most, value) => (Number.isNaN(value) ? most : Math.max(most, Math.abs(value))),
    0,
  );
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i]!, expected[i]!];
    if (Object.is(a, b)) continue;
    assert.ok(
      Math.abs(a - b) <= tolerance * size,
      `${message} [${i}]: ${a} is not ${b} within ${tolerance} of ${size}`,
    );
  }
}

/**
 * As `assertSameNumbers`, for tensors by name. Keys' biases change no result, so that their gradients are rounding and nothing else: elsewhere than on the
 * processor Adam makes other steps of it.
 */
export function assertSameTensors(
  what: string,
  actual: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
): void {
  assert.deepEqual([...actual.keys()], [...expected.keys()], what);
  for (const [name, values] of expected)
    if (onCpu || !name.endsWith('attention.self.key.bias'))
      assertSameNumbers(actual.get(name)!, values, `${what}: ${name}`, 1e-3);
}
