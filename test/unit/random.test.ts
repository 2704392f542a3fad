import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRandom, shuffledOrder } from '../../lib/random.ts';

const seed = fc.integer({ min: 0, max: 2 ** 53 - 1 });

test('an order holds every number once and is decided by seed and stream', () => {
  fc.assert(
    fc.property(fc.nat(200), seed, fc.nat(50), (count, s, stream) => {
      const order = shuffledOrder(count, s, stream);
      assert.deepEqual(
        [...order].sort((x, y) => x - y),
        [...order.keys()],
      );
      assert.deepEqual(shuffledOrder(count, s, stream), order);
    }),
  );
});

test('the same numbers on every platform', () => {
  assert.deepEqual([...shuffledOrder(10, 42)], [5, 9, 7, 2, 0, 3, 4, 6, 8, 1]);
  const random = createRandom(2 ** 40 + 1, 3);
  assert.deepEqual([random.int(1000), random.int(1000), random.float()], [455, 41, 0.6704107464869621]);
});

test('near seeds, streams and high bits give unlike orders', () => {
  const keys: number[][] = [[0], [1], [2], [2 ** 32], [2 ** 40], [0, 0], [0, 1], [1, 0], [0, 0, 0]];
  const orders = new Set(keys.map(([s, ...stream]) => shuffledOrder(20, s!, ...stream).join()));
  assert.equal(orders.size, keys.length);
});

test('orders are uniform: each number is first about as often as any other', () => {
  const first = new Int32Array(8);
  for (let s = 0; s < 8000; s++) first[shuffledOrder(8, s)[0]!]!++;
  for (const times of first) assert.ok(times > 850 && times < 1150, first.join());
});

test('seeds that are no integers in [0, 2^53) are refused', () => {
  for (const s of [-1, 0.5, NaN, 2 ** 53]) assert.throws(() => createRandom(s), RangeError);
});
