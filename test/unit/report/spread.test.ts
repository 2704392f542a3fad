import assert from 'node:assert/strict';
import { test } from 'node:test';
import { direction, pairedDifference, spread } from '../../../lib/report/spread.ts';

const near = (a: number | null, b: number): void => assert.ok(a !== null && Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test('spread leaves out what is not finite and counts the rest', () => {
  const got = spread([1, NaN, 3]);
  assert.equal(got.n, 2);
  near(got.mean, 2);
  near(got.sd, Math.SQRT2);
  assert.deepEqual(spread([4]), { n: 1, mean: 4, sd: null });
  assert.ok(Number.isNaN(spread([NaN]).mean));
});

test('the interval of a paired difference is Student t on the differences', () => {
  // differences 1, 2, 3: mean 2, sd 1, t(0.975, 2) = 4.302652729911275
  const got = pairedDifference([2, 4, 6], [1, 2, 3]);
  near(got.mean, 2);
  near(got.low, 2 - 4.302652729911275 / Math.sqrt(3));
  near(got.high, 2 + 4.302652729911275 / Math.sqrt(3));
  assert.equal(direction(got), 0, 'it covers 0');
});

test('pairs with a missing side are left out; one pair has no interval', () => {
  const got = pairedDifference([2, NaN, 6], [1, 2, NaN]);
  assert.deepEqual(got, { n: 1, mean: 1, sd: null, low: null, high: null });
  assert.equal(direction(got), 0);
});

test('direction speaks only where the interval leaves 0 out', () => {
  assert.equal(direction({ low: 0.1, high: 0.4 }), 1);
  assert.equal(direction({ low: -0.4, high: -0.1 }), -1);
  assert.equal(direction({ low: 0, high: 0.4 }), 0);
});
