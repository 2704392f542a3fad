import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bootstrapMean,
  differences,
  mean,
  pairedT,
  signFlipTest,
  standardDeviation,
} from '../../../lib/metrics/statistics.ts';

interface Case {
  a: number[];
  b: number[];
  mean: number;
  sd: number;
  t: number;
  p: number;
  intervals: Record<string, [number, number]>;
  sign_flip?: number;
  bootstrap: [number, number];
}
const { paired } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../parity/fixtures/metrics.json'), 'utf8'),
) as { paired: Case[] };

function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${what}: ${actual} instead of ${expected}`,
  );
}

test("mean, deviation, paired t and its intervals equal SciPy's", () => {
  for (const [i, expected] of paired.entries()) {
    const d = differences(expected.a, expected.b);
    near(mean(d), expected.mean, 1e-12, `mean ${i}`);
    near(standardDeviation(d), expected.sd, 1e-12, `sd ${i}`);
    for (const [level, [low, high]] of Object.entries(expected.intervals)) {
      const found = pairedT(d, Number(level));
      near(found.t, expected.t, 1e-10, `t ${i}`);
      near(found.p, expected.p, 1e-8, `p ${i}`);
      near(found.low, low, 1e-8, `low ${i}`);
      near(found.high, high, 1e-8, `high ${i}`);
    }
  }
});

test("the exact sign-flip test equals SciPy's permutation test", () => {
  const counted = paired.filter(({ sign_flip }) => sign_flip !== undefined);
  assert.ok(counted.length >= 4);
  for (const { a, b, sign_flip } of counted) near(signFlipTest(differences(a, b)), sign_flip!, 1e-12, 'p');
});

test('the sign-flip test counts all patterns', () => {
  assert.equal(signFlipTest([1, 2, 3]), 2 / 8);
  assert.equal(signFlipTest([1, 2, -3]), 1);
  assert.equal(signFlipTest([0.1, 0.2, 0.3, 0.3]), 2 / 16);
  // Sums that are equal but for rounding count as equal: compare tenths with whole numbers.
  assert.equal(signFlipTest([0.1, 0.1, -0.7, 0.6]), signFlipTest([1, 1, -7, 6]));
  assert.equal(signFlipTest([0, 0]), 1);
  assert.equal(signFlipTest(Array.from({ length: 20 }, () => 1)), 2 / 2 ** 20);
  assert.throws(() => signFlipTest(Array.from({ length: 21 }, () => 1)), /not 21/);
  assert.throws(() => signFlipTest([]), /not 0/);
});

test("the bootstrap interval is SciPy's up to its noise, and the seed decides it", () => {
  for (const [i, { a, b, bootstrap, sd }] of paired.entries()) {
    const d = differences(a, b);
    const found = bootstrapMean(d, { seed: 7, resamples: 40_000 });
    const tolerance = (0.05 * sd) / Math.sqrt(d.length) + 1e-9;
    assert.ok(
      Math.abs(found.low - bootstrap[0]) <= tolerance && Math.abs(found.high - bootstrap[1]) <= tolerance,
      `${i}: ${JSON.stringify(found)} ${bootstrap.join()}`,
    );
    assert.deepEqual(bootstrapMean(d, { seed: 7, resamples: 500 }), bootstrapMean(d, { seed: 7, resamples: 500 }));
  }
  const d = differences(paired[3]!.a, paired[3]!.b);
  assert.notDeepEqual(bootstrapMean(d, { seed: 7 }), bootstrapMean(d, { seed: 8 }));
});

test('one pair and equal differences', () => {
  assert.deepEqual(pairedT([0.5]), { mean: 0.5, low: NaN, high: NaN, t: NaN, p: NaN, pairs: 1 });
  assert.deepEqual(pairedT([-0.5, -0.5]), { mean: -0.5, low: -0.5, high: -0.5, t: -Infinity, p: 0, pairs: 2 });
  assert.deepEqual(pairedT([0, 0, 0]), { mean: 0, low: 0, high: 0, t: 0, p: 1, pairs: 3 });
  assert.throws(() => pairedT([]), /no pairs/);
  assert.throws(() => differences([1], [1, 2]), /cannot be paired/);
});

test('intervals hold the mean, and a wider level a wider interval', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 2, maxLength: 12 }), (d) => {
      const [narrow, wide] = [pairedT(d, 0.8), pairedT(d, 0.99)];
      assert.ok(
        wide.low <= narrow.low && narrow.low <= narrow.mean && narrow.mean <= narrow.high && narrow.high <= wide.high,
      );
      const p = signFlipTest(d);
      assert.ok(p > 0 && p <= 1);
      assert.equal(signFlipTest(d.map((x) => -x)), p);
    }),
  );
});
