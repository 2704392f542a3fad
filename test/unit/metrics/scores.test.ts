import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { chanceNormalised, computeMetrics, predictionsOf } from '../../../lib/metrics/glue.ts';
import { metricNames } from '../../../lib/metrics/names.ts';
import { accuracy, f1, matthewsCorrelation, pearson, spearman } from '../../../lib/metrics/scores.ts';

interface Fixture {
  classification: {
    predictions: number[];
    labels: number[];
    accuracy: number;
    f1: number | null;
    matthews_correlation: number;
  }[];
  correlation: { predictions: number[]; labels: number[]; pearson: number; spearmanr: number }[];
}
const fixture = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../parity/fixtures/metrics.json'), 'utf8'),
) as Fixture;

function close(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= 1e-12, `${what}: ${actual} instead of ${expected}`);
}

test("accuracy, F1 and Matthews equal scikit-learn's", () => {
  for (const [i, { predictions, labels, ...expected }] of fixture.classification.entries()) {
    close(accuracy(predictions, labels), expected.accuracy, `accuracy ${i}`);
    if (expected.f1 !== null) close(f1(predictions, labels), expected.f1, `f1 ${i}`);
    close(matthewsCorrelation(predictions, labels), expected.matthews_correlation, `matthews ${i}`);
  }
});

test("Pearson and Spearman, with ties, equal SciPy's", () => {
  for (const [i, { predictions, labels, ...expected }] of fixture.correlation.entries()) {
    close(pearson(predictions, labels), expected.pearson, `pearson ${i}`);
    close(spearman(predictions, labels), expected.spearmanr, `spearman ${i}`);
  }
});

test('a constant output has no correlation', () => {
  const labels = [0, 1.5, 3, 5];
  for (const score of [pearson, spearman, matthewsCorrelation]) {
    assert.equal(score([2, 2, 2, 2], labels), 0);
    assert.equal(score(labels, [2, 2, 2, 2]), 0);
  }
  assert.equal(f1([0, 0], [0, 0]), 0);
});

const values = fc.array(fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })), {
  minLength: 2,
  maxLength: 40,
});

test('correlations are symmetric, bounded, and do not depend on scale or order', () => {
  fc.assert(
    fc.property(values, (pairs) => {
      const x = pairs.map(([a]) => a);
      const y = pairs.map(([, b]) => b);
      for (const score of [pearson, spearman]) {
        const r = score(x, y);
        assert.ok(r >= -1 && r <= 1);
        close(score(y, x), r, 'symmetric');
        close(
          score(
            x.map((v) => 3 * v - 4),
            y,
          ),
          r,
          'scale',
        );
        close(score([...x].reverse(), [...y].reverse()), r, 'order');
        close(
          score(
            x.map((v) => -v),
            y,
          ),
          -r,
          'sign',
        );
      }
      close(
        spearman(
          x.map((v) => v ** 3),
          y,
        ),
        spearman(x, y),
        'monotone',
      );
    }),
  );
});

test('classification scores are bounded, and 1 exactly where all is right', () => {
  const pairs = fc.array(fc.tuple(fc.nat(1), fc.nat(1)), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(pairs, (list) => {
      const x = list.map(([a]) => a);
      const y = list.map(([, b]) => b);
      assert.equal(
        accuracy(x, y) === 1,
        x.every((v, i) => v === y[i]),
      );
      assert.equal(accuracy(y, y), 1);
      assert.ok(Math.abs(matthewsCorrelation(x, y)) <= 1 + 1e-12);
      close(
        matthewsCorrelation(x, y),
        matthewsCorrelation(
          x.map((v) => 1 - v),
          y.map((v) => 1 - v),
        ),
        'names of classes do not matter',
      );
      close(matthewsCorrelation(x, y), pearson(x, y), 'Matthews of two classes is their Pearson correlation');
    }),
  );
});

test('combined_score is the mean, and only there if there is more than one metric', () => {
  const predictions = Float32Array.of(1, 1, 0, 0);
  const labels = Float32Array.of(1, 0, 0, 0);
  assert.deepEqual(computeMetrics(['accuracy'], predictions, labels), { accuracy: 0.75 });
  assert.deepEqual(computeMetrics(['accuracy', 'f1'], predictions, labels), {
    accuracy: 0.75,
    f1: 2 / 3,
    combined_score: (0.75 + 2 / 3) / 2,
  });
  assert.deepEqual(Object.keys(computeMetrics(metricNames, predictions, labels)), [...metricNames, 'combined_score']);
});

test('rows that cannot be scored are refused', () => {
  assert.throws(() => accuracy([1], [1, 0]), /1 predictions for 2 labels/);
  assert.throws(() => accuracy([], []), /no rows/);
  assert.throws(() => pearson([1, 2], [0, NaN]), /row 1 has no label/);
});

test('predictions are the first of the largest logits, or the value itself', () => {
  assert.deepEqual([...predictionsOf(Float32Array.of(1, 2, 2, 5, 4, -1, -3, -2, -1), 3)], [1, 0, 2]);
  assert.deepEqual([...predictionsOf(Float32Array.of(1.5, -2), 1)], [1.5, -2]);
});

test('chance is 0 and perfection 1', () => {
  assert.equal(chanceNormalised(0.5, 0.5), 0);
  assert.equal(chanceNormalised(1, 1 / 3), 1);
  assert.equal(chanceNormalised(0.25, 0.5), -0.5);
});
