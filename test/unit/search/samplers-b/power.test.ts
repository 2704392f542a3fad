import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import { randomNormal } from '../../../../lib/search/normal.ts';
import { powerTransform, yeoJohnson } from '../../../../lib/search/samplers/gp/power.ts';

test("Yeo and Johnson's transform", () => {
  assert.ok(Math.abs(yeoJohnson(2, 1) - 2) < 1e-12);
  assert.ok(Math.abs(yeoJohnson(-2, 1) + 2) < 1e-12);
  assert.ok(Math.abs(yeoJohnson(3, 0) - Math.log(4)) < 1e-12);
  assert.ok(Math.abs(yeoJohnson(-3, 2) + Math.log(4)) < 1e-12);
  assert.ok(Math.abs(yeoJohnson(3, -1) - 0.75) < 1e-12);
  assert.ok(Math.abs(yeoJohnson(-3, 0) + 7.5) < 1e-12);
});

test('a long upper tail is drawn in, the order stays', () => {
  const random = createRandom(1);
  const normal = Float64Array.from({ length: 60 }, () => randomNormal(random)).sort();
  const tailed = normal.map((v) => Math.exp(2 * v));
  const skew = (v: Float64Array) => (v.at(-1)! - v[30]!) / (v[30]! - v[0]!);
  const mean = tailed.reduce((sum, v) => sum + v, 0) / 60;
  const deviation = Math.sqrt(tailed.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 60);
  const standard = tailed.map((v) => (v - mean) / deviation);
  const transformed = standard.map(powerTransform(standard));
  assert.ok(skew(standard) > 20);
  assert.ok(skew(transformed) < 0.4 * skew(standard), `${skew(transformed)}`);
  for (let i = 1; i < 60; i++) assert.ok(transformed[i]! > transformed[i - 1]!);
});

test('equal values stay equal', () => {
  assert.equal(powerTransform(new Float64Array(4))(0), 0);
});
