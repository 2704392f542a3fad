import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logImprovement } from '../../../../lib/search/samplers/gp/log-ei.ts';
import { logNormalCdf, logNormalCdfSlope } from '../../../../lib/search/samplers/gp/normal-cdf.ts';
import { fixture } from './fixture.ts';

/** z, then by mpmath: log EI and its slope, the log of the distribution function and its slope. */
const cases = fixture<[number, number, number, number, number][]>('improvement');

test('the log of the expected improvement has its digits, however small it is', () => {
  for (const [z, value, slope] of cases) {
    const [ours, ourSlope] = logImprovement(z);
    assert.ok(Math.abs(ours / value - 1) < 1e-12, `at ${z}: ${ours} for ${value}`);
    assert.ok(Math.abs(ourSlope / slope - 1) < 1e-11, `at ${z}: slope ${ourSlope} for ${slope}`);
  }
});

test('it rises steadily where the formulas meet', () => {
  for (const border of [-1, -50]) {
    const values = [-2, -1, 0, 1, 2].map((i) => logImprovement(border * (1 - i * 1e-9))[0]);
    for (let i = 1; i < values.length; i++) assert.ok(values[i]! > values[i - 1]!);
  }
});

test('the log of the normal distribution function and its slope', () => {
  for (const [z, , , value, slope] of cases) {
    assert.ok(Math.abs(logNormalCdf(z) / value - 1) < 1e-11, `at ${z}`);
    assert.ok(Math.abs(logNormalCdfSlope(z) / slope - 1) < 1e-11, `slope at ${z}`);
  }
});
