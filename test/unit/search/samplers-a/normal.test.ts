import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import { erfcx, logNormalMass, normalCdf, randomNormal } from '../../../../lib/search/normal.ts';
import { fixture } from './fixture.ts';

const numbers = fixture<{
  erfcx: [number, number][];
  cdf: [number, number][];
  logMass: [number, number, number][];
}>('normal');

function near(actual: number, expected: number, tolerance: number, what: string): void {
  const error = Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-300);
  assert.ok(error <= tolerance, `${what}: ${actual} instead of ${expected}, off by ${error}`);
}

test('erfcx has the digits of mpmath', () => {
  for (const [x, expected] of numbers.erfcx) near(erfcx(x), expected, 1e-15, `erfcx(${x})`);
});

test('the normal distribution function, far tail included', () => {
  for (const [x, expected] of numbers.cdf) near(normalCdf(x), expected, 1e-13, `cdf(${x})`);
});

test('the mass of an interval, where its ends are far out or close together', () => {
  for (const [a, b, expected] of numbers.logMass) near(logNormalMass(a, b), expected, 1e-9, `mass(${a}, ${b})`);
  for (const [a, b] of numbers.logMass) near(logNormalMass(-b, -a), logNormalMass(a, b), 1e-12, `mirror of ${a}, ${b}`);
});

test('random normals have mean 0, variance 1 and the tails of a normal', () => {
  const random = createRandom(1);
  const drawn = Array.from({ length: 20_000 }, () => randomNormal(random));
  const mean = (f: (x: number) => number) => drawn.reduce((sum, x) => sum + f(x), 0) / drawn.length;
  assert.ok(Math.abs(mean((x) => x)) < 0.03);
  assert.ok(Math.abs(mean((x) => x * x) - 1) < 0.05);
  for (const at of [-2, -1, 0.5, 1.5])
    assert.ok(Math.abs(mean((x) => (x < at ? 1 : 0)) - normalCdf(at)) < 0.015, `below ${at}`);
});
