import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepFactors, philox, sites } from './helpers/philox.ts';

test("the tests' own Philox4x32-10 gives the published known answers", () => {
  const ones = 0xffffffff;
  assert.deepEqual(philox([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  assert.deepEqual(philox([ones, ones, ones, ones], [ones, ones]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
  assert.deepEqual(
    philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

test('keep factors have the mean 1 and the asked share of zeros', () => {
  const draw = { seed: 5, step: 3, site: sites.mixout, tensor: 'w', probability: 0.3 };
  const keep = keepFactors(draw, 40_000);
  const zeros = keep.filter((value) => value === 0).length;
  assert.ok(Math.abs(zeros / keep.length - 0.3) < 5 * Math.sqrt((0.3 * 0.7) / keep.length), `${zeros} zeros`);
  assert.ok(keep.every((value) => value === 0 || Math.abs(value - 1 / 0.7) < 1e-4));
  assert.notDeepEqual(keepFactors({ ...draw, tensor: 'v' }, 64), keep.slice(0, 64));
  assert.notDeepEqual(keepFactors({ ...draw, step: 4 }, 64), keep.slice(0, 64));
});
