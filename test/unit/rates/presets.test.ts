import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { flat, formatRate, ratesAt, withBase } from '../../../lib/rates/distribution.ts';
import { assign } from '../../../lib/rates/groups.ts';
import { bertParameterNames } from '../../../lib/rates/names.ts';
import { findPreset, fromPreset, presets } from '../../../lib/rates/presets.ts';
import { rateArbitrary } from './helpers.ts';

const preset = (name: string) => findPreset(name)!;

test('the paper’s combined rates are the published ones, to the digit', () => {
  const distribution = fromPreset(preset('paper-combined'), 12);
  assert.deepEqual(
    [...ratesAt(distribution)],
    [3.295e-6, 4.363e-6, 9.215e-7, 1.923e-6, 2.849e-6, 2.143e-6, 3.267e-6, 3.699e-6, 3.186e-6, 1.119e-5],
  );
  assert.equal(distribution.name, 'paper-combined');
  assert.match(String(distribution.provenance.source), /2404\.01317/);
});

test('the base of paper-combined is the typical rate of an encoder layer', () => {
  // Layers 0 to 11, written out.
  const layers = [
    4.363e-6, 4.363e-6, 9.215e-7, 1.923e-6, 1.923e-6, 2.849e-6, 2.143e-6, 2.143e-6, 3.267e-6, 3.699e-6, 3.699e-6,
    3.186e-6,
  ];
  const mean = layers.reduce((product, rate) => product * rate ** (1 / 12), 1);
  assert.ok(Math.abs(preset('paper-combined').base / mean - 1) < 1e-9);
});

test('the rounded profile has the authors’ multipliers and level', () => {
  const near = (actual: Float64Array, expected: number[]): void =>
    expected.forEach((value, i) => assert.ok(Math.abs(actual[i]! / value - 1) < 1e-12, `${i}: ${actual[i]}`));
  near(
    ratesAt(fromPreset(preset('paper-rounded'), 12)),
    [2e-5, 2e-5, 6e-6, 1.4e-5, 2e-5, 2e-5, 2e-5, 2e-5, 2e-5, 6e-5],
  );
  const moved = fromPreset(preset('paper-rounded'), 12, 1e-5);
  near(ratesAt(moved), [1e-5, 1e-5, 3e-6, 7e-6, 1e-5, 1e-5, 1e-5, 1e-5, 1e-5, 3e-5]);
  assert.equal(moved.name, 'paper-rounded@1e-5');
  assert.equal(moved.provenance.base, 1e-5);
  assert.equal(moved.provenance.published_base, 2e-5);
});

test('fast-head has its heads at ten times the body, at any depth', () => {
  for (const layers of [1, 2, 6, 12, 24]) {
    const distribution = fromPreset(preset('fast-head'), layers, 1e-4);
    assert.deepEqual(
      distribution.groups.map((group) => group.name),
      ['body', 'heads'],
    );
    const [body, heads] = ratesAt(distribution);
    assert.equal(body, 1e-4);
    assert.ok(Math.abs(heads! / 1e-3 - 1) < 1e-12);
  }
});

test('every preset fits every depth, and its base scales all rates alike', () => {
  fc.assert(
    fc.property(fc.constantFrom(...presets), fc.integer({ min: 1, max: 30 }), rateArbitrary, (shape, layers, base) => {
      const standard = ratesAt(fromPreset(shape, layers));
      const moved = fromPreset(shape, layers, base);
      assign(bertParameterNames({ layers, heads: ['a'] }), moved.groups);
      assert.equal(moved.base, base);
      ratesAt(moved).forEach((rate, g) => assert.ok(Math.abs(rate / standard[g]! / (base / shape.base) - 1) < 1e-9));
    }),
  );
});

test('flat at its base is exactly that rate', () => {
  fc.assert(
    fc.property(rateArbitrary, (rate) => {
      const [value] = ratesAt(fromPreset(preset('flat'), 12, rate));
      assert.equal(value, rate);
    }),
  );
});

test('a distribution moved to a base has exactly that rate where it had the old one', () => {
  fc.assert(
    fc.property(rateArbitrary, rateArbitrary, (rate, base) => {
      const moved = withBase({ ...flat(rate), base: rate }, base);
      assert.deepEqual([...ratesAt(moved)], [base]);
      assert.equal(moved.name, `flat@${formatRate(base)}`);
    }),
  );
});

test('a plain name is the published level where there is one, else the default learning rate', () => {
  assert.deepEqual(
    presets.map((shape) => fromPreset(shape, 12).name),
    ['flat@5e-5', 'fast-head@5e-5', 'paper-combined', 'paper-rounded'],
  );
});
