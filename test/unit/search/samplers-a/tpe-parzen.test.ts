import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import { parzenEstimator } from '../../../../lib/search/samplers/tpe-parzen.ts';
import type { Space } from '../../../../lib/search/space.ts';
import { unitCube } from '../../../../lib/search/unit-cube.ts';
import { fixture } from './fixture.ts';

const space = {
  x: { kind: 'float', low: -2, high: 3 },
  rate: { kind: 'float', low: 1e-7, high: 1e-3, log: true },
  n: { kind: 'int', low: 1, high: 100 },
  kind: { kind: 'categorical', choices: [0, 1, 2] },
} as const satisfies Space;
const cube = unitCube(space);

type Columns = Record<keyof typeof space, number[]>;

function pointsOf(columns: Columns) {
  return columns.x.map((_, i) =>
    cube.toPoint({ x: columns.x[i]!, rate: columns.rate[i]!, n: columns.n[i]!, kind: columns.kind[i]! }),
  );
}

/** As Optuna weighs: by age, the last 25 alike. */
function weights(count: number): number[] {
  const ramp = count - 25;
  return Array.from({ length: count }, (_, i) => (i >= ramp ? 1 : 1 / count + (i * (1 - 1 / count)) / (ramp - 1)));
}

test('the densities of Optuna, but for the units of the axes, where kernels may be as narrow as there', () => {
  const perUnit = Math.log(5) + Math.log(Math.log(1e4));
  for (const { observations, points, logDensity } of fixture<
    { observations: Columns; points: Columns; logDensity: number[] }[]
  >('parzen')) {
    const count = observations.x.length;
    const narrowest = 1 / Math.min(100, count + 2);
    const estimator = parzenEstimator(cube, pointsOf(observations), weights(count), narrowest);
    pointsOf(points).forEach((point, i) => {
      const actual = estimator.logDensity(point) - perUnit;
      assert.ok(Math.abs(actual - logDensity[i]!) < 1e-9, `${count}: ${actual}, ${logDensity[i]}`);
    });
  }
});

test('samples have the density that is said: a histogram over each dimension', () => {
  const observations = [
    { x: 2.9, rate: 1e-6, n: 3, kind: 1 },
    { x: 0, rate: 2e-6, n: 60, kind: 1 },
    { x: 0.1, rate: 9e-4, n: 61, kind: 2 },
  ].map((parameters) => cube.toPoint(parameters));
  const estimator = parzenEstimator(cube, observations, [1, 1, 1]);
  const random = createRandom(5);
  const drawn = Array.from({ length: 20_000 }, () => estimator.sample(random));

  // Importance weights against a uniform sample: the mean of density over uniform points in a half equals the share of samples there.
  const uniform = Array.from({ length: 40_000 }, () => ({
    unit: Float64Array.of(random.float(), random.float(), (random.int(100) + 0.5) / 100),
    choices: Int32Array.of(random.int(3)),
  }));
  const volume = 100 * 3;
  const density = uniform.map((point) => Math.exp(estimator.logDensity(point)) * volume);
  const total = density.reduce((a, b) => a + b) / uniform.length;
  assert.ok(Math.abs(total - 1) < 0.05, `${total}`);
  for (let d = 0; d < 3; d++) {
    const share = drawn.filter(({ unit }) => unit[d]! < 0.45).length / drawn.length;
    const expected =
      density.reduce((sum, value, i) => sum + (uniform[i]!.unit[d]! < 0.45 ? value : 0), 0) / uniform.length;
    assert.ok(Math.abs(share - expected) < 0.03, `dimension ${d}: ${share} instead of ${expected}`);
  }
  for (let choice = 0; choice < 3; choice++) {
    const share = drawn.filter(({ choices }) => choices[0] === choice).length / drawn.length;
    const expected =
      density.reduce((sum, value, i) => sum + (uniform[i]!.choices[0] === choice ? value : 0), 0) / uniform.length;
    assert.ok(Math.abs(share - expected) < 0.03, `choice ${choice}: ${share} instead of ${expected}`);
  }
});

test('kernels are no narrower than 0.06 of the range, however close the observations', () => {
  const line = unitCube({ x: { kind: 'float', low: 0, high: 1 } });
  const close = [0.5, 0.5, 0.5, 0.5].map((x) => line.toPoint({ x }));
  const ratio = (narrowest?: number) => {
    const estimator = parzenEstimator(line, close, [1e9, 1e9, 1e9, 1e9], narrowest);
    const [middle, aside] = [0.5, 0.56].map((x) => estimator.logDensity(line.toPoint({ x })));
    return middle! - aside!;
  };
  // One deviation off the middle of a normal density.
  assert.ok(Math.abs(ratio() - 0.5) < 1e-6);
  assert.ok(Math.abs(ratio(0.03) - 2) < 1e-6);
});

test('an integer is drawn at the middle of its cell', () => {
  const estimator = parzenEstimator(cube, [], []);
  const random = createRandom(2);
  for (let i = 0; i < 100; i++) {
    const at = estimator.sample(random).unit[2]! * 100;
    assert.ok(Math.abs(at - Math.floor(at) - 0.5) < 1e-9);
  }
});
