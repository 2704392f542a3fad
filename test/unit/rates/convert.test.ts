import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { forLayers } from '../../../lib/rates/convert.ts';
import { depthGroups } from '../../../lib/rates/depth.ts';
import { flat, ratesAt, referenceRate, type RateDistribution } from '../../../lib/rates/distribution.ts';
import { bertParameterNames } from '../../../lib/rates/names.ts';
import { assign } from '../../../lib/rates/groups.ts';
import { byDepth, layersAndGroups, rateArbitrary } from './helpers.ts';

test('the same number of layers gives the same distribution', () => {
  const distribution = byDepth(12, [1e-5, 2e-5, 3e-5, 4e-5, 5e-5, 6e-5, 7e-5, 8e-5, 9e-5, 1e-4]);
  assert.equal(forLayers(distribution, 12), distribution);
});

test('a constant stays constant, bit for bit, and groups stay valid', () => {
  fc.assert(
    fc.property(layersAndGroups, fc.integer({ min: 1, max: 30 }), rateArbitrary, ([layers, n], target, rate) => {
      const mapped = forLayers(byDepth(layers, new Array<number>(n).fill(rate)), target);
      assert.equal(mapped.layers, target);
      assert.ok(ratesAt(mapped).every((value) => value === rate));
      assign(bertParameterNames({ layers: target, heads: ['a'] }), mapped.groups);
    }),
  );
});

test('mapped rates lie within the range of the original, and the ends keep theirs', () => {
  fc.assert(
    fc.property(
      fc
        .integer({ min: 1, max: 16 })
        .chain((layers) =>
          fc.tuple(fc.constant(layers), fc.array(rateArbitrary, { minLength: 3, maxLength: layers + 2 })),
        ),
      fc.integer({ min: 1, max: 30 }),
      ([layers, rates], target) => {
        const mapped = [...ratesAt(forLayers(byDepth(layers, rates), target))];
        assert.equal(mapped.length, Math.min(rates.length, target + 2));
        assert.equal(mapped[0], rates[0]);
        assert.equal(mapped.at(-1), rates.at(-1));
        const inner = rates.slice(1, -1);
        for (const rate of mapped.slice(1, -1)) {
          assert.ok(rate >= Math.min(...inner) * (1 - 1e-12) && rate <= Math.max(...inner) * (1 + 1e-12));
        }
      },
    ),
  );
});

test('a deeper model keeps the groups and their rates', () => {
  const rates = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((k) => k * 1e-5);
  const mapped = forLayers(byDepth(12, rates), 24);
  assert.deepEqual([...ratesAt(mapped)], rates);
  assert.deepEqual(mapped.groups, depthGroups(24, 10));
  assert.deepEqual(mapped.provenance, { mapped_from: { layers: 12, groups: 10 } });
});

test('a shallower model takes geometric means of the layers it covers', () => {
  // Twelve layers on two: layers 0-5 are the groups 0-1, 2, 3-4, 5 with weights 2, 1, 2, 1.
  const mapped = forLayers(byDepth(12, [1e-3, 1e-5, 1e-4, 1e-5, 1e-4, 1e-5, 1e-5, 1e-5, 1e-5, 1e-2]), 2);
  const [embeddings, low, high, heads] = ratesAt(mapped);
  assert.deepEqual([embeddings, heads, high], [1e-3, 1e-2, 1e-5]);
  assert.ok(Math.abs(Math.log10(low!) - (-5 + 2 / 6)) < 1e-12);
  // Overlaps: three layers on two, the middle one counts half in each.
  const [, first] = ratesAt(forLayers(byDepth(3, [1e-3, 1e-5, 1e-4, 1e-3, 1e-2]), 2));
  assert.ok(Math.abs(Math.log10(first!) - (-5 + 1 / 3)) < 1e-12);
});

test('a frozen layer freezes the one that covers it', () => {
  assert.deepEqual([...ratesAt(forLayers(byDepth(4, [1e-5, 0, 1e-5, 1e-5, 1e-5, 1e-3]), 2))], [1e-5, 0, 1e-5, 1e-3]);
});

test('every stage is mapped', () => {
  const base = byDepth(12, [1e-5, 2e-5, 3e-5]);
  const two: RateDistribution = { ...base, stages: [base.stages[0]!, { ...base.stages[0]!, heads: 0 }] };
  const mapped = forLayers(two, 4);
  assert.deepEqual([...ratesAt(mapped, 0)], [1e-5, 2e-5, 3e-5]);
  assert.deepEqual([...ratesAt(mapped, 1)], [1e-5, 2e-5, 0]);
  assert.deepEqual([...ratesAt(mapped, 7)], [1e-5, 2e-5, 0], 'a stage beyond the last uses the last');
});

test('groups that are not by depth cannot be mapped', () => {
  const distribution = {
    ...flat(1e-5),
    groups: [
      { name: 'a', match: ['*.bias'] },
      { name: 'b', match: ['*'] },
    ],
    stages: [{ a: 1, b: 1 }],
  };
  assert.throws(() => forLayers(distribution, 6), {
    code: 'ERR_INVALID_OPTION',
    message: /12 layers, this one has 6.*not by depth/,
  });
  assert.throws(() => forLayers(flat(1e-5), 0), { code: 'ERR_INVALID_OPTION' });
});

test('the reference rate is the base, else the largest rate of the stage', () => {
  assert.equal(referenceRate(flat(3e-5)), 3e-5);
  assert.equal(referenceRate(byDepth(12, [1e-5, 7e-5, 3e-5])), 7e-5);
});
