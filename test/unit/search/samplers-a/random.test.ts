import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import { randomSampler } from '../../../../lib/search/samplers/random.ts';

test("uniform on each dimension's scale, integers and choices alike", () => {
  const points = randomSampler().suggest({
    space: {
      rate: { kind: 'float', low: 1e-6, high: 1e-2, log: true },
      n: { kind: 'int', low: 1, high: 4 },
      kind: { kind: 'categorical', choices: ['a', 'b', 'c'] },
    },
    directions: ['minimize'],
    trials: [],
    count: 6000,
    random: createRandom(3),
  });
  const share = (of: (point: (typeof points)[number]) => boolean) => points.filter(of).length / points.length;
  for (const decade of [-6, -5, -4, -3])
    assert.ok(Math.abs(share(({ rate }) => Math.floor(Math.log10(rate as number)) === decade) - 1 / 4) < 0.02);
  for (const value of [1, 2, 3, 4]) assert.ok(Math.abs(share(({ n }) => n === value) - 1 / 4) < 0.02);
  for (const value of ['a', 'b', 'c']) assert.ok(Math.abs(share(({ kind }) => kind === value) - 1 / 3) < 0.02);
});

test('has no settings', () => {
  assert.throws(() => randomSampler({ seed: 1 }), { code: 'ERR_UNKNOWN_OPTION', remedy: 'It has no settings.' });
});
