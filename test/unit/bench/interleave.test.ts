import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interleave, ratiosTo, ratiosToBest, spreads, valuesOf } from '../../../bench/lib/interleave.ts';
import { interval, spread } from '../../../bench/lib/statistics.ts';

test('every round begins with another side, and values stay in the order of the rounds', async () => {
  const order: string[] = [];
  const sides = (round: number) => ['a', 'b', 'c'].map((name) => ({ name, command: [String(round)] as [string] }));
  const done: string[] = [];
  const found = await interleave(
    4,
    sides,
    (side, round) => done.push(`${side.name}${round}`),
    async ({ name, command: [round] }) => {
      order.push(`${name}${round}`);
      return { seconds: Number(round) };
    },
  );
  assert.equal(order.join(' '), 'a0 b0 c0 b1 c1 a1 c2 a2 b2 a3 b3 c3');
  assert.deepEqual(done, order);
  assert.deepEqual(
    valuesOf(found, ({ seconds }) => seconds as number),
    { a: [0, 1, 2, 3], b: [0, 1, 2, 3], c: [0, 1, 2, 3] },
  );
});

test('ratios are taken within a round', () => {
  const values = { ours: [1, 2, 4], theirs: [3, 4, 4] };
  assert.deepEqual(ratiosTo('ours', values), { theirs: { median: 2, least: 1, most: 3 } });
  assert.throws(() => ratiosTo('nobody', values), /nobody/);
});

test('against the better precision of each round', () => {
  const values = { ours: [1, 1], 'grouped@fp32': [4, 6], 'grouped@bf16': [5, 2], padded: [1, 1] };
  assert.deepEqual(ratiosToBest('ours', values), { grouped: { median: 3, least: 2, most: 4 } });
});

test('medians and intervals', () => {
  assert.deepEqual(spread([3, 1, 2]), { median: 2, least: 1, most: 3 });
  assert.deepEqual(spreads({ a: [4, 1, 2, 3] }), { a: { median: 2.5, least: 1, most: 4 } });
  const { mean, low, high } = interval([1, 2, 3]);
  assert.equal(mean, 2);
  // Student's t for two degrees of freedom: 4.3027; deviation 1, over the root of 3.
  assert.ok(Math.abs(high - (2 + 4.30265 / Math.sqrt(3))) < 1e-4);
  assert.ok(Math.abs(low + high - 4) < 1e-12);
});
