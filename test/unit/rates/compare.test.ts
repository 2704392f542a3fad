import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { difference, sharedGroups } from '../../../lib/rates/compare.ts';
import { flat } from '../../../lib/rates/distribution.ts';
import { logErrorOf } from '../../../lib/rates/log-error.ts';
import { findPreset, fromPreset } from '../../../lib/rates/presets.ts';
import { byDepth, distributionArbitrary, rateArbitrary } from './helpers.ts';

test('shared groups refine all, and bear the name of a group that they are', () => {
  const groups = sharedGroups([flat(1e-5, 2), byDepth(2, [1e-4, 1e-3]), byDepth(2, [1e-6, 2e-6, 3e-6, 4e-6])]);
  assert.deepEqual(groups, [
    { name: 'embeddings', tensors: 5, rates: [1e-5, 1e-4, 1e-6] },
    { name: 'layer_0', tensors: 16, rates: [1e-5, 1e-4, 2e-6] },
    { name: 'layer_1', tensors: 16, rates: [1e-5, 1e-4, 3e-6] },
    { name: 'heads', tensors: 4, rates: [1e-5, 1e-3, 4e-6] },
  ]);
  const biases = {
    ...byDepth(2, [1, 1]),
    groups: [
      { name: 'biases', match: ['*.bias'] },
      { name: 'heads', match: ['*'] },
    ],
    stages: [{ biases: 1e-3, heads: 1e-5 }],
  };
  assert.deepEqual(
    sharedGroups([byDepth(2, [1e-4, 1e-3]), biases]).map(({ name }) => name),
    ['body&heads', 'body&biases', 'heads', 'heads&biases'],
  );
  assert.throws(() => sharedGroups([flat(1e-5, 2), flat(1e-5, 3)]), { code: 'ERR_INVALID_OPTION', remedy: /convert/ });
});

test('a shape at another base differs by a level and by nothing else', () => {
  fc.assert(
    fc.property(rateArbitrary, rateArbitrary, (a, b) => {
      const shape = findPreset('paper-combined')!;
      const { level, error, shape: rest, groups } = difference(fromPreset(shape, 12, a), fromPreset(shape, 12, b));
      assert.ok(Math.abs(level / (b / a) - 1) < 1e-9);
      assert.ok(Math.abs(error.rms - Math.abs(Math.log(b / a))) < 1e-9 && rest.max < 1e-9);
      for (const { ratio } of groups) assert.ok(Math.abs(ratio! / (b / a) - 1) < 1e-9);
    }),
    { numRuns: 40 },
  );
});

test('a distribution is at no distance from itself, and distance has no direction', () => {
  fc.assert(
    fc.property(distributionArbitrary(4), distributionArbitrary(4), (a, b) => {
      assert.deepEqual(difference(a, a).error, { rms: 0, max: 0, frozen: 0 });
      const [there, back] = [difference(a, b), difference(b, a)];
      assert.ok(Math.abs(there.error.rms - back.error.rms) < 1e-12 && there.error.frozen === back.error.frozen);
    }),
    { numRuns: 60 },
  );
});

test('what is frozen on one side has no ratio, and its share is told', () => {
  const { groups, error, level } = difference(byDepth(2, [0, 1e-4]), flat(1e-4, 2));
  assert.deepEqual(
    groups.map(({ name, ratio }) => [name, ratio]),
    [
      ['body', undefined],
      ['heads', 1],
    ],
  );
  assert.deepEqual([error.rms, error.max, level], [0, 0, 1]);
  assert.ok(Math.abs(error.frozen - 37 / 41) < 1e-12);
});

test('log errors: a factor of two in half of the groups', () => {
  const { rms, max, frozen } = logErrorOf([1e-5, 1e-5, 0, 0], [2e-5, 1e-5, 0, 1e-5]);
  // Of the three groups that are alike on both sides, one is frozen and one equal.
  assert.ok(Math.abs(rms - Math.log(2) / Math.sqrt(3)) < 1e-12);
  assert.ok(Math.abs(max - Math.log(2)) < 1e-12);
  assert.equal(frozen, 0.25);
});
