import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { effectiveCount, rankWeights } from '../../../../lib/rates/combine/weights.ts';

const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-12, `${a}, not ${b}`);

test('weights fall by the base from rank to rank and add up to 1', () => {
  const weights = rankWeights([0.1, 0.3, 0.2]);
  near(weights[1]! / weights[2]!, 1.8);
  near(weights[2]! / weights[0]!, 1.8);
  near(weights[0]! + weights[1]! + weights[2]!, 1);
  // Of many trials the best has 0.444, the next 0.247, 0.137, 0.076 (the paper's code).
  const many = rankWeights(Array.from({ length: 50 }, (_, i) => -i));
  assert.deepEqual(
    many.slice(0, 4).map((weight) => weight.toFixed(3)),
    ['0.444', '0.247', '0.137', '0.076'],
  );
  assert.equal(effectiveCount(many).toFixed(6), '3.500000');
  near(effectiveCount(rankWeights([1, 2, 3, 4], { weightBase: 1 })), 4);
});

test('tied trials share the weight of their ranks', () => {
  const weights = rankWeights([2, 1, 1, 0], { weightBase: 2 });
  const total = 1 + 1 / 2 + 1 / 4 + 1 / 8;
  assert.equal(weights[1], weights[2]);
  near(weights[0]!, 1 / total);
  near(weights[1]!, 3 / 8 / total);
  near(weights[3]!, 1 / 8 / total);
  // Equal but for rounding.
  assert.notEqual(0.8 + 0.9, 0.85 + 0.85);
  const rounded = rankWeights([0.8 + 0.9, 0.85 + 0.85]);
  assert.equal(rounded[0], rounded[1]);
  // All equal: all weigh the same, whatever the base.
  for (const weight of rankWeights([3, 3, 3, 3, 3], { weightBase: 7 })) near(weight, 0.2);
});

test('beyond top nothing weighs anything, but who shares the last rank does', () => {
  assert.deepEqual(
    rankWeights([4, 3, 2, 1], { top: 2 }).map((weight) => weight > 0),
    [true, true, false, false],
  );
  const weights = rankWeights([4, 3, 3, 1], { top: 2, weightBase: 2 });
  near(weights[0]!, 2 / 3);
  near(weights[1]!, 1 / 6);
  near(weights[2]!, 1 / 6);
  assert.equal(weights[3], 0);
});

test('many trials do not overflow', () => {
  const weights = rankWeights(
    Array.from({ length: 5000 }, (_, i) => i),
    { weightBase: 1.8 },
  );
  assert.ok(weights.every((weight) => weight >= 0 && weight <= 1));
  near(
    weights.reduce((sum, weight) => sum + weight, 0),
    1,
  );
});

test('weights depend on the scores alone, and never fall with a better score', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 8 }),
      (scores, top) => {
        const weights = rankWeights(scores, { top });
        for (const [i, score] of scores.entries()) {
          for (const [j, other] of scores.entries()) {
            if (score === other) assert.equal(weights[i], weights[j]);
            else if (score > other) assert.ok(weights[i]! > weights[j]! || weights[j] === 0);
          }
        }
      },
    ),
  );
});
