import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minimize } from '../../../../lib/search/samplers/gp/minimize.ts';

function box(n: number, low: number, high: number) {
  return { low: new Float64Array(n).fill(low), high: new Float64Array(n).fill(high) };
}

/** Rosenbrock's function. */
function valley(x: Float64Array, gradient: Float64Array): number {
  const [a, b] = [x[0]!, x[1]!];
  gradient[0] = -400 * a * (b - a * a) - 2 * (1 - a);
  gradient[1] = 200 * (b - a * a);
  return 100 * (b - a * a) ** 2 + (1 - a) ** 2;
}

test('L-BFGS follows a curved valley to its end', () => {
  let calls = 0;
  const counted = (x: Float64Array, gradient: Float64Array) => (calls++, valley(x, gradient));
  const { x, value } = minimize(counted, Float64Array.from([-1.2, 1]), box(2, -5, 5), 200);
  assert.ok(value < 1e-8, `${value}`);
  assert.ok(Math.hypot(x[0]! - 1, x[1]! - 1) < 1e-3);
  assert.ok(calls < 150, `${calls} calls`);
});

test('the lowest point within bounds lies on them where the free one is outside', () => {
  // On the line x = 0.5 the valley's lowest point is y = 0.25.
  const { x } = minimize(
    valley,
    Float64Array.from([-0.4, 0.9]),
    { low: Float64Array.of(-1, -1), high: Float64Array.of(0.5, 1) },
    200,
  );
  assert.equal(x[0], 0.5);
  assert.ok(Math.abs(x[1]! - 0.25) < 1e-6);
});

test('where a function is infinite it turns back', () => {
  const f = (x: Float64Array, gradient: Float64Array) => {
    gradient[0] = 2 * (x[0]! - 1);
    return x[0]! > 1.05 ? Number.POSITIVE_INFINITY : (x[0]! - 1) ** 2;
  };
  const { x } = minimize(f, Float64Array.of(-3), box(1, -10, 10), 100);
  assert.ok(Math.abs(x[0]! - 1) < 1e-6, `${x[0]}`);
});
