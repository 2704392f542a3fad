import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import { factorise, logDeterminant } from '../../../../lib/search/samplers/gp/cholesky.ts';
import { covariance, type Layout } from '../../../../lib/search/samplers/gp/kernel.ts';
import { negativeLogPosterior, weightsOf } from '../../../../lib/search/samplers/gp/likelihood.ts';
import { believe, condition, predict, predictMean } from '../../../../lib/search/samplers/gp/model.ts';
import { defaultPriors } from '../../../../lib/search/samplers/gp/priors.ts';
import { fixture, near } from './fixture.ts';

interface Case {
  readonly points: number[][];
  readonly values: number[];
  readonly lengths: number[];
  readonly scale: number;
  readonly noise: number;
  readonly at: number[][];
  readonly mean: number[];
  readonly variance: number[];
  readonly logLikelihood: number;
}

const known = fixture<Case>('posterior');
const layout: Layout = { dimensions: 3, numeric: 3 };
const points = known.points.map((point) => Float64Array.from(point));
const values = Float64Array.from(known.values);
const hyper = {
  weights: Float64Array.from(known.lengths, (length) => length ** -2),
  scale: known.scale,
  noise: known.noise,
};
const model = condition({ points, values }, layout, hyper, 2);

/** By central differences. */
function slopes(f: (x: Float64Array) => number, at: Float64Array, h = 1e-5): number[] {
  return Array.from(at, (_, d) => {
    const [more, less] = [at.slice(), at.slice()];
    more[d]! += h;
    less[d]! -= h;
    return (f(more) - f(less)) / (2 * h);
  });
}

test("the posterior is scikit-learn's", () => {
  known.at.forEach((at, i) => {
    const { mean, variance } = predict(model, Float64Array.from(at));
    assert.ok(near(mean, known.mean[i]!, 1e-10), `${mean} ${known.mean[i]}`);
    assert.ok(near(variance, known.variance[i]!, 1e-9), `${variance} ${known.variance[i]}`);
  });
});

test("the likelihood is scikit-learn's", () => {
  const n = points.length;
  const factor = factorise(covariance(points, hyper, layout, n), n, n)!;
  const fit = weightsOf(factor, values).reduce((sum, alpha, i) => sum + alpha * values[i]!, 0);
  const log = -0.5 * (fit + logDeterminant(factor) + n * Math.log(2 * Math.PI));
  assert.ok(near(log, known.logLikelihood, 1e-10), `${log}`);
});

test("a prediction's gradient is the slope of mean and variance", () => {
  const at = Float64Array.from([0.3, 0.6, 0.2]);
  const gradient = { mean: new Float64Array(3), variance: new Float64Array(3) };
  predict(model, at, gradient);
  slopes((x) => predict(model, x).mean, at).forEach((slope, d) => assert.ok(near(gradient.mean[d]!, slope, 1e-7)));
  slopes((x) => predict(model, x).variance, at).forEach((slope, d) =>
    assert.ok(near(gradient.variance[d]!, slope, 1e-7)),
  );
});

test('the gradient of the posterior of hyperparameters is its slope, with choices too', () => {
  const random = createRandom(3);
  const mixed: Layout = { dimensions: 4, numeric: 3 };
  const plain = { points: points.map((p) => Float64Array.from([...p, random.int(3)])), values };
  const priors = defaultPriors(4);
  const theta = Float64Array.from([-0.5, 0.2, 0.8, 0.3, 0.1, -3]);
  for (const data of [plain, { ...plain, extra: values.map((_, i) => (i % 2 === 0 ? 0 : 0.1 * i)) }]) {
    const gradient = new Float64Array(6);
    negativeLogPosterior(data, mixed, priors, theta, gradient);
    const f = (x: Float64Array) => negativeLogPosterior(data, mixed, priors, x, new Float64Array(6));
    slopes(f, theta).forEach((slope, i) => assert.ok(near(gradient[i]!, slope, 1e-6), `${i}: ${gradient[i]} ${slope}`));
  }
});

test('a value with a variance of its own is believed the less', () => {
  const at = points[0]!;
  const means = [0, 0.1, 10].map((variance) => {
    const extra = values.map((_, i) => (i === 0 ? variance : 0));
    return predict(condition({ points, values, extra }, layout, hyper, 0), at);
  });
  const away = means.map(({ mean }) => Math.abs(mean - values[0]!));
  assert.ok(near(means[0]!.mean, predict(model, at).mean, 1e-12));
  assert.ok(away[0]! < away[1]! && away[1]! < away[2]!, `${away}`);
  assert.ok(means[0]!.variance < means[1]!.variance && means[1]!.variance < means[2]!.variance);
});

test('a believed point leaves the mean as it is and takes variance away, as if it had been seen', () => {
  const point = Float64Array.from([0.9, 0.1, 0.5]);
  const at = Float64Array.from([0.8, 0.2, 0.5]);
  const more = believe(model, point);
  const data = { points: [...points, point], values: Float64Array.from([...values, predictMean(model, point)]) };
  const seen = condition(data, layout, hyper, 0);
  const [believed, conditioned] = [predict(more, at), predict(seen, at)];
  assert.ok(near(believed.mean, predict(model, at).mean, 1e-12));
  assert.ok(near(believed.mean, conditioned.mean, 1e-10));
  assert.ok(near(believed.variance, conditioned.variance, 1e-10));
  assert.ok(believed.variance < 0.9 * predict(model, at).variance);
});

test('points that are the same and have no noise still make a model', () => {
  const twice = [points[0]!, points[0]!, points[1]!];
  const same = condition(
    { points: twice, values: Float64Array.from([1, 1, 0]) },
    layout,
    { ...hyper, noise: 1e-20 },
    0,
  );
  assert.ok(near(predict(same, points[0]!).mean, 1, 1e-3));
});
