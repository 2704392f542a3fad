import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { flat, formatRate, ratesAt, withBase } from '../../../lib/rates/distribution.ts';
import { fromDocument, toDocument } from '../../../lib/rates/file.ts';
import { assign } from '../../../lib/rates/groups.ts';
import { bertParameterNames } from '../../../lib/rates/names.ts';
import { findPreset, fromPreset, presetFamilies, presets } from '../../../lib/rates/presets.ts';
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
    fc.property(
      fc.constantFrom(...presets, findPreset('llrd-0.7')!, findPreset('freeze-1')!, findPreset('surgical-0-0')!),
      fc.integer({ min: 1, max: 30 }),
      rateArbitrary,
      (shape, layers, base) => {
        const standard = ratesAt(fromPreset(shape, layers));
        const moved = fromPreset(shape, layers, base);
        assign(bertParameterNames({ layers, heads: ['a'] }), moved.groups);
        assert.equal(moved.base, base);
        ratesAt(moved).forEach((rate, g) => {
          if (standard[g] === 0) assert.equal(rate, 0);
          else assert.ok(Math.abs(rate / standard[g]! / (base / shape.base) - 1) < 1e-9);
        });
        assert.deepEqual(fromDocument(JSON.parse(JSON.stringify(toDocument(moved)))), moved);
      },
    ),
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

test('a plain name is the published level where there is one that suits a BERT, else the default learning rate', () => {
  assert.deepEqual(Object.fromEntries(presets.map((shape) => [shape.name, fromPreset(shape, 12).name])), {
    flat: 'flat@5e-5',
    'fast-head': 'fast-head@5e-5',
    'lp-ft': 'lp-ft@5e-5',
    'paper-combined': 'paper-combined',
    'paper-rounded': 'paper-rounded',
    'llrd-0.95': 'llrd-0.95@5e-5',
    'llrd-0.9': 'llrd-0.9@5e-5',
    electra: 'electra@1e-4',
    'electra-fixed': 'electra-fixed@1e-4',
    ulmfit: 'ulmfit@5e-5',
    'zhang-2021': 'zhang-2021@2e-5',
    'sun-2019': 'sun-2019@2e-5',
    'head-only': 'head-only@5e-5',
    'surgical-first': 'surgical-first@5e-5',
    'surgical-middle': 'surgical-middle@5e-5',
    'surgical-last': 'surgical-last@5e-5',
  });
});

/** Multipliers of a preset at base 1e-3, from embeddings to heads. */
function multipliers(name: string, layers: number): number[] {
  return [...ratesAt(fromPreset(preset(name), layers, 1e-3))].map((rate) => rate / 1e-3);
}

// The powers are written out from the papers' formulas for a model of 3 layers: embeddings, layers 0 to 2, heads.
const powers: readonly [name: string, decay: number, powers: readonly number[]][] = [
  ['llrd-0.95', 0.95, [4, 3, 2, 1, 0]],
  ['llrd-0.9', 0.9, [4, 3, 2, 1, 0]],
  ['llrd-0.8', 0.8, [4, 3, 2, 1, 0]],
  ['electra', 0.8, [5, 4, 3, 2, 0]],
  ['electra-fixed', 0.8, [4, 3, 2, 1, 0]],
  ['ulmfit', 1 / 2.6, [4, 3, 2, 1, 0]],
  ['zhang-2021', 0.95, [4, 3, 2, 1, 0]],
  ['sun-2019', 0.95, [3, 2, 1, 0, 0]],
];
for (const [name, decay, exponents] of powers) {
  test(`${name} has the published powers`, () => {
    for (const [g, multiplier] of multipliers(name, 3).entries())
      assert.ok(Math.abs(multiplier / decay ** exponents[g]! - 1) < 1e-12, `group ${g}: ${multiplier}`);
  });
}

test('layer-wise decay at BERT-base: the top layer has one power, the embeddings thirteen', () => {
  const list = multipliers('zhang-2021', 12);
  assert.equal(list.length, 14);
  assert.ok(Math.abs(list[12]! / 0.95 - 1) < 1e-12);
  assert.ok(Math.abs(list[1]! / 0.95 ** 12 - 1) < 1e-12);
  assert.ok(Math.abs(list[0]! / 0.95 ** 13 - 1) < 1e-12);
});

const partial: readonly [name: string, layers: number, learns: readonly number[]][] = [
  ['freeze-0', 3, [0, 1, 1, 1, 1]],
  ['freeze-2', 3, [0, 0, 0, 1, 1]],
  ['freeze-3', 3, [0, 0, 0, 0, 1]],
  ['head-only', 3, [0, 1]],
  ['surgical-first', 6, [0, 1, 1, 0, 0, 0, 0, 1]],
  ['surgical-middle', 6, [0, 0, 0, 1, 1, 0, 0, 1]],
  ['surgical-last', 6, [0, 0, 0, 0, 0, 1, 1, 1]],
  ['surgical-middle', 12, [0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1]],
  ['surgical-1-2', 4, [0, 0, 1, 1, 0, 1]],
  ['surgical-0-0', 1, [0, 1, 1]],
];
for (const [name, layers, learns] of partial) {
  test(`${name} of ${layers} layers`, () => assert.deepEqual(multipliers(name, layers), learns));
}

test('linear probing first: the heads alone, then everything', () => {
  const distribution = fromPreset(preset('lp-ft'), 12, 1e-4);
  assert.deepEqual([...ratesAt(distribution)], [1e-4, 1e-4]);
  assert.deepEqual(distribution.phases, [
    { from: 0, factors: { body: 0, heads: 10 } },
    { from: 0.5, factors: { body: 1, heads: 1 } },
  ]);
  assert.equal(fromPreset(preset('lp-ft-0.2'), 2).phases![1]!.from, 0.2);
});

test('numbers in names that make no sense are refused', () => {
  for (const name of ['llrd-0', 'llrd-1.5', 'surgical-3-2', 'lp-ft-0', 'lp-ft-1'])
    assert.throws(() => findPreset(name), { code: 'ERR_INVALID_OPTION' }, name);
  for (const name of ['llrd-', 'llrd-x', 'freeze-', 'freeze-1.5', 'surgical-1', 'lp-ft-', 'nothing', 'toString'])
    assert.equal(findPreset(name), undefined, name);
  assert.throws(() => fromPreset(preset('freeze-7'), 6), { code: 'ERR_INVALID_OPTION', message: /only 6 layers/ });
  assert.throws(() => fromPreset(preset('surgical-3-6'), 6), { code: 'ERR_INVALID_OPTION', message: /0 to 5/ });
});

test('every preset tells its formula, and a source unless it is a plain probe', () => {
  for (const { name, formula, description, baseMeaning, provenance } of [
    ...presets,
    ...presetFamilies.map((family) => ({ ...family, name: family.form })),
  ]) {
    assert.ok(formula !== '' && description !== '' && baseMeaning !== '', name);
    if (name !== 'head-only') assert.match(String(provenance['source']), /arXiv \d{4}\.\d{5}/, name);
  }
});
