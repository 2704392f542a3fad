import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { fitProbe, probeStrengths } from '../../../../lib/forgetting/measure/probe.ts';
import { ridgeFit, ridgePredict, ridgeProblem } from '../../../../lib/forgetting/measure/ridge.ts';
import { computeMetrics, predictionsOf } from '../../../../lib/metrics/glue.ts';
import { matrixOf, near, randomMatrix } from './helpers.ts';

interface Fixture {
  readonly regression: readonly {
    readonly features: number[][];
    readonly targets: number[][];
    readonly alpha: number;
    readonly weights: number[][];
    readonly intercept: number[];
  }[];
  readonly classification: readonly {
    readonly features: number[][];
    readonly labels: number[];
    readonly alpha: number;
    readonly other: number[][];
    readonly predictions: number[];
  }[];
}
const fixture = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../parity/fixtures/probes.json'), 'utf8'),
) as Fixture;

const accuracy = {
  labels: ['a', 'b'],
  score: (predictions: Float32Array, labels: Float32Array) => computeMetrics(['accuracy'], predictions, labels),
  mainMetric: 'accuracy',
};
const correlation = {
  labels: null,
  score: (predictions: Float32Array, labels: Float32Array) => computeMetrics(['pearson'], predictions, labels),
  mainMetric: 'pearson',
};

test("weights and intercept equal scikit-learn's Ridge, with more rows than columns and with fewer", () => {
  assert.ok(fixture.regression.length >= 9);
  for (const [i, { features, targets, alpha, weights, intercept }] of fixture.regression.entries()) {
    const fit = ridgeFit(ridgeProblem(matrixOf(features), matrixOf(targets)), alpha);
    for (const [j, weight] of weights.flat().entries())
      near(fit.weights[j], weight, 1e-7 * (1 + Math.abs(weight)), `${i}`);
    for (const [j, value] of intercept.entries()) near(fit.intercept[j], value, 1e-7 * (1 + Math.abs(value)), `${i}`);
  }
});

test("classes equal those of scikit-learn's RidgeClassifier", () => {
  for (const { features, labels, alpha, other, predictions } of fixture.classification) {
    const classes = Math.max(...labels) + 1;
    const targets = matrixOf(labels.map((label) => Array.from({ length: classes }, (_, c) => (c === label ? 1 : 0))));
    const fit = ridgeFit(ridgeProblem(matrixOf(features), targets), alpha);
    assert.deepEqual([...predictionsOf(ridgePredict(fit, matrixOf(other)), classes)], predictions);
  }
});

test('the fit is the minimum: moving any weight or the intercept makes it worse', () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(0.01, 1, 100), (seed, alpha) => {
      const x = randomMatrix(9, 4, seed);
      const y = randomMatrix(9, 2, seed + 1);
      const fit = ridgeFit(ridgeProblem(x, y), alpha);
      const loss = (weights: Float64Array, intercept: Float64Array): number => {
        let sum = weights.reduce((total, w) => total + alpha * w * w, 0);
        for (let r = 0; r < 9; r++)
          for (let o = 0; o < 2; o++) {
            let value = intercept[o]!;
            for (let c = 0; c < 4; c++) value += x.values[r * 4 + c]! * weights[c * 2 + o]!;
            sum += (y.values[r * 2 + o]! - value) ** 2;
          }
        return sum;
      };
      const best = loss(fit.weights, fit.intercept);
      for (const step of [1e-3, -1e-3]) {
        for (const i of fit.weights.keys())
          assert.ok(loss(fit.weights.with(i, fit.weights[i]! + step), fit.intercept) > best);
        for (const i of [0, 1]) assert.ok(loss(fit.weights, fit.intercept.with(i, fit.intercept[i]! + step)) > best);
      }
    }),
  );
});

/** Two classes on either side of a plane, with a gap. */
function separable(rows: number, seed: number): { features: ReturnType<typeof randomMatrix>; labels: Float32Array } {
  const { values, ...shape } = randomMatrix(rows, 5, seed);
  const labels = Float32Array.from({ length: rows }, (_, r) => (values[r * 5]! - values[r * 5 + 3]! > 0 ? 1 : 0));
  for (let r = 0; r < rows; r++) values[r * 5]! += labels[r] === 1 ? 1 : -1;
  return { features: { values, ...shape }, labels };
}

test('a linearly separable labelling is recovered, a random one is not', async () => {
  const fit = await fitProbe(accuracy, separable(200, 1), separable(100, 2));
  assert.equal(fit.score, 1);
  assert.ok(probeStrengths.some((strength) => strength === fit.strength));
  const noise = (rows: number, seed: number) => ({
    features: randomMatrix(rows, 5, seed),
    labels: Float32Array.from(randomMatrix(rows, 1, seed + 100).values, (value) => (value > 0 ? 1 : 0)),
  });
  const random = await fitProbe(accuracy, noise(200, 3), noise(200, 4));
  assert.ok(Math.abs(random.score! - 0.5) < 0.15, `${random.score}`);
});

test('regression is probed by ridge', async () => {
  const data = (rows: number, seed: number) => {
    const features = randomMatrix(rows, 3, seed);
    const labels = Float32Array.from(
      { length: rows },
      (_, r) => 2 + 3 * features.values[r * 3]! - features.values[r * 3 + 2]!,
    );
    return { features, labels };
  };
  const fit = await fitProbe(correlation, data(80, 1), data(40, 2));
  assert.ok(fit.score! > 0.999);
  assert.equal(fit.strength, probeStrengths[0], 'where nothing is noise, the weakest strength is the best');
});

test('the strength is chosen on rows held out of train: with more columns than rows of noise a strong one', async () => {
  const noisy = (rows: number, seed: number) => {
    const features = randomMatrix(rows, 40, seed);
    const noise = randomMatrix(rows, 1, seed + 50);
    return { features, labels: Float32Array.from(noise.values, (e, r) => 0.3 * features.values[r * 40]! + e) };
  };
  const { strength } = await fitProbe(correlation, noisy(48, 4), noisy(200, 5));
  assert.ok(strength! >= 1e-1, `${strength}`);
});

test('features that are not finite or do not vary have no score', async () => {
  const train = separable(40, 1);
  const broken = separable(20, 2);
  broken.features.values[3] = NaN;
  assert.deepEqual(await fitProbe(accuracy, train, broken), { score: null, strength: null });
  const constant = { features: { values: new Float64Array(200), rows: 40, columns: 5 }, labels: train.labels };
  assert.deepEqual(await fitProbe(accuracy, constant, separable(20, 2)), { score: null, strength: null });
});
