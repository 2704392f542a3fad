import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cover, tensorNames } from '../../../lib/rates/cover.ts';
import { depthGroups, layerGroups } from '../../../lib/rates/depth.ts';
import { flat, ratesAt, type RateDistribution } from '../../../lib/rates/distribution.ts';
import { parseGrouping } from '../../../lib/rates/groupings.ts';
import { assign } from '../../../lib/rates/groups.ts';
import { findPreset, fromPreset } from '../../../lib/rates/presets.ts';
import { convert } from '../../../lib/rates/regroup.ts';
import { byDepth, layersAndGroups, rateArbitrary } from './helpers.ts';

const exact = { rms: 0, max: 0, frozen: 0 };

/** Rate of each tensor. */
function spread(distribution: RateDistribution): number[] {
  const rates = ratesAt(distribution);
  return Array.from(assign(tensorNames(distribution.layers), distribution.groups), (g) => rates[g]!);
}

test('the pieces of a tensor make up the whole of it, and every tensor is used', () => {
  for (let from = 1; from <= 13; from++) {
    for (let to = 1; to <= 13; to++) {
      const pieces = cover(from, to);
      const weights = new Float64Array(tensorNames(to).length);
      for (const { before, after, weight } of pieces) {
        assert.ok(weight > 0);
        weights[after]! += weight;
        const [name, other] = [tensorNames(from)[before]!, tensorNames(to)[after]!];
        assert.equal(name.replace(/layer\.\d+/, ''), other.replace(/layer\.\d+/, ''));
      }
      for (const weight of weights) assert.ok(Math.abs(weight - 1) < 1e-12);
      assert.equal(new Set(pieces.map(({ before }) => before)).size, tensorNames(from).length);
      if (from === to) assert.ok(pieces.every(({ before, after, weight }) => before === after && weight === 1));
    }
  }
});

test('finer groups change no tensor’s rate, and going back restores the distribution', () => {
  fc.assert(
    fc.property(
      layersAndGroups.chain(([layers, n]) =>
        fc.array(rateArbitrary, { minLength: n, maxLength: n }).map((rates) => byDepth(layers, rates)),
      ),
      fc.constantFrom('layer', 'layer-kind', 'layer-qkv', 'layer+pooler'),
      (distribution, grouping) => {
        const { distribution: fine, error } = convert(distribution, {
          groups: parseGrouping(grouping).groups(distribution.layers),
        });
        assert.deepEqual(error, exact);
        assert.deepEqual(spread(fine), spread(distribution));
        const back = convert(fine, { groups: distribution.groups });
        assert.deepEqual([back.distribution.stages, back.error], [distribution.stages, exact]);
      },
    ),
    { numRuns: 30 },
  );
});

test('a constant stays constant, bit for bit, in any groups of any depth', () => {
  fc.assert(
    fc.property(rateArbitrary, layersAndGroups, fc.integer({ min: 1, max: 14 }), (rate, [layers, n], from) => {
      const { distribution, error } = convert(byDepth(from, new Array<number>(Math.min(3, from + 2)).fill(rate)), {
        layers,
        groups: depthGroups(layers, n),
      });
      assert.ok(ratesAt(distribution).every((value) => value === rate));
      assert.deepEqual(error, exact);
    }),
    { numRuns: 50 },
  );
});

test('coarser groups take geometric means over their tensors, and say what that costs', () => {
  // Layers 0 and 1 with 16 tensors each.
  const { distribution, error } = convert(byDepth(2, [1e-5, 1e-5, 4e-5, 1e-3]), { groups: depthGroups(2, 3) });
  const [embeddings, middle, heads] = ratesAt(distribution);
  assert.deepEqual([embeddings, heads], [1e-5, 1e-3]);
  assert.ok(Math.abs(middle! / 2e-5 - 1) < 1e-12);
  assert.ok(Math.abs(error.max - Math.log(2)) < 1e-12);
  assert.ok(Math.abs(error.rms - Math.log(2) * Math.sqrt(32 / 41)) < 1e-12);
});

test('twelve layers to six and to eighteen, by relative depth', () => {
  const llrd = fromPreset(findPreset('llrd-0.9')!, 12, 1e-3);
  const { distribution: six } = convert(llrd, { layers: 6, groups: layerGroups(6) });
  const [, first] = ratesAt(six);
  // Layers 0 and 1 have the powers 12 and 11.
  assert.ok(Math.abs(first! / (1e-3 * 0.9 ** 11.5) - 1) < 1e-12);
  const { distribution: more } = convert(llrd, { layers: 18, groups: layerGroups(18) });
  const rates = ratesAt(more);
  // Layer 1 of 18 covers [2/3, 4/3) of 12: half layer 0, half layer 1.
  assert.ok(Math.abs(rates[2]! / (1e-3 * 0.9 ** 11.5) - 1) < 1e-12);
  assert.ok(Math.abs(rates[1]! / (1e-3 * 0.9 ** 12) - 1) < 1e-12);
});

test('without groups, groups by depth keep their number, and the error is told', () => {
  const paper = fromPreset(findPreset('paper-combined')!, 12);
  const { distribution, error } = convert(paper, { layers: 6 });
  assert.equal(distribution.groups.length, 8);
  assert.ok(error.rms > 0.1 && error.max > error.rms && error.frozen === 0);
  assert.deepEqual(convert(flat(2e-5), { layers: 3 }).error, exact);
});

test('groups that mix frozen and learning parts cannot be encoded', () => {
  const freeze = fromPreset(findPreset('freeze-2')!, 12);
  assert.throws(() => convert(freeze, { groups: depthGroups(12, 4) }), {
    code: 'ERR_RATES_ENCODE',
    message: /"layers_0-5" covers parts that are frozen/,
    remedy: /finer/,
  });
  assert.throws(() => convert(freeze, { groups: depthGroups(12, 1) }), { code: 'ERR_RATES_ENCODE' });
  // Every group is all frozen or all learning: fine.
  assert.deepEqual(convert(fromPreset(findPreset('freeze-6')!, 12), { groups: depthGroups(12, 4) }).error, exact);
  // forLayers freezes what covers a frozen layer; that is told as a share, not hidden.
  const { error } = convert(fromPreset(findPreset('freeze-1')!, 4), { layers: 2 });
  assert.ok(error.frozen > 0.1 && error.frozen < 0.3);
});

test('stages and phases are converted alike', () => {
  const base = byDepth(2, [1e-5, 1e-3]);
  const two: RateDistribution = {
    ...base,
    stages: [base.stages[0]!, { body: 2e-5, heads: 2e-3 }],
    phases: [
      { from: 0, factors: { body: 0, heads: 10 } },
      { from: 0.5, factors: { body: 1, heads: 1 } },
    ],
  };
  const { distribution } = convert(two, { groups: layerGroups(2) });
  assert.deepEqual([...ratesAt(distribution, 1)], [2e-5, 2e-5, 2e-5, 2e-3]);
  assert.deepEqual(distribution.phases![0], { from: 0, factors: { embeddings: 0, layer_0: 0, layer_1: 0, heads: 10 } });
  assert.deepEqual(convert(two, { layers: 7 }).distribution.phases, two.phases);
});
