import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shuffledOrder } from '../../../lib/random.ts';
import { type Batching, epochOf, lengthsOf, samplingStrategies, tokenBatches } from '../../../lib/train/batching.ts';
import { batchesOf, countRun, countSteps, rowsSeen, type StepBatches } from '../../../lib/train/plan.ts';
import { tinySplit } from '../../helpers/tiny-task.ts';

const lengthsArb = fc
  .array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 80 })
  .map((list) => Int32Array.from(list));
const setting = fc.record({
  lengths: lengthsArb,
  slack: fc.integer({ min: 0, max: 200 }),
  accumulation: fc.integer({ min: 1, max: 4 }),
  strategy: fc.constantFrom(...samplingStrategies),
  seed: fc.integer({ min: 0, max: 1000 }),
});

function budgeted({
  lengths,
  slack,
  accumulation,
  strategy,
}: Omit<Parameters<Parameters<typeof setting.map>[0]>[0], 'seed'>) {
  const budget = Math.max(...lengths) + slack;
  const batching: Batching = { strategy, batchTokens: budget, lengths };
  const counts = countSteps({
    rows: lengths.length,
    batchSize: 8,
    accumulation,
    epochs: 2,
    maxSteps: -1,
    batchesPerEpoch: tokenBatches(lengths, budget),
  });
  return { budget, batching, counts };
}

const rowsOfBatch = ({ rows, rowOffsets }: StepBatches, b: number): number[] => [
  ...rows.subarray(rowOffsets[b], rowOffsets[b + 1]),
];
const tokensOf = (rows: readonly number[], lengths: Int32Array): number =>
  rows.reduce((sum, row) => sum + lengths[row]!, 0);

test('token budgets: every row once an epoch, no batch empty or above the budget, as many steps every epoch', () => {
  fc.assert(
    fc.property(setting, ({ seed, ...options }) => {
      const { lengths } = options;
      const { budget, batching, counts } = budgeted(options);
      const all = batchesOf(counts, seed, 0, counts.total, batching);
      assert.equal(all.batchStep.length, 2 * counts.batchesPerEpoch);
      assert.equal(all.batchStep.at(-1), counts.total - 1);
      const sums = new Float64Array(counts.total);
      for (const [b, weight] of all.weights.entries()) sums[all.batchStep[b]!]! += weight;
      for (const sum of sums) assert.ok(Math.abs(sum - 1) < 1e-9);
      for (const epoch of [0, 1]) {
        const rows = [...all.rows.subarray(epoch * lengths.length, (epoch + 1) * lengths.length)];
        assert.deepEqual(
          rows.sort((a, b) => a - b),
          [...lengths.keys()],
        );
      }
      for (let b = 0; b < all.batchStep.length; b++) {
        const rows = rowsOfBatch(all, b);
        assert.ok(rows.length > 0);
        assert.ok(tokensOf(rows, lengths) <= budget);
      }
    }),
  );
});

test('token budgets: a run cut into segments has the same batches, and rows are counted exactly', () => {
  fc.assert(
    fc.property(setting, fc.nat(60), ({ seed, ...options }, at) => {
      const { batching, counts } = budgeted(options);
      const cut = Math.min(at, counts.total);
      const [whole, first, second] = [
        batchesOf(counts, seed, 0, counts.total, batching),
        batchesOf(counts, seed, 0, cut, batching),
        batchesOf(counts, seed, cut, counts.total, batching),
      ];
      assert.deepEqual([...whole.rows], [...first.rows, ...second.rows]);
      assert.deepEqual([...whole.weights], [...first.weights, ...second.weights]);
      assert.equal(rowsSeen(counts, cut, seed, batching), first.rows.length);
    }),
  );
});

test('batches are about equally full, near the budget', () => {
  const lengths = Int32Array.from({ length: 3000 }, (_, i) => 20 + ((i * 7919) % 61));
  const budget = 2048;
  const batching: Batching = { strategy: 'random', batchTokens: budget, lengths };
  const batchesPerEpoch = tokenBatches(lengths, budget);
  const { order, cuts } = epochOf({ rows: 3000, batchSize: 8, batchesPerEpoch }, batching, 1, 0);
  const full = Array.from({ length: batchesPerEpoch }, (_, b) =>
    tokensOf([...order.subarray(cuts[b], cuts[b + 1])], lengths),
  );
  const mean = tokensOf([...lengths.keys()], lengths) / batchesPerEpoch;
  assert.ok(mean > budget - 2 * 80, `mean ${mean}`);
  for (const tokens of full) assert.ok(Math.abs(tokens - mean) <= 80, `${tokens} tokens where the mean is ${mean}`);
});

test('even cuts give way to the budget, and leave room for what follows', () => {
  const cutsOf = (lengths: number[], batches: number): number[] => [
    ...epochOf(
      { rows: lengths.length, batchSize: 1, batchesPerEpoch: batches },
      { strategy: 'sequential', batchTokens: 10, lengths: Int32Array.from(lengths) },
      1,
      0,
    ).cuts,
  ];
  // A third of the tokens is 7: the first batch would come nearer to it with both of its rows, but they are 11.
  assert.deepEqual(cutsOf([1, 10, 5, 5], 3), [0, 1, 2, 4]);
  // A third is 7.3, nearer to one row than to two, but then the last two, of 12, would be left for one batch.
  assert.deepEqual(cutsOf([5, 5, 6, 6], 3), [0, 2, 3, 4]);
});

test('the number of batches is never above twice what the tokens need', () => {
  fc.assert(
    fc.property(lengthsArb, fc.nat(100), (lengths, slack) => {
      const budget = Math.max(...lengths) + slack;
      const total = tokensOf([...lengths.keys()], lengths);
      const batches = tokenBatches(lengths, budget);
      assert.ok(batches >= Math.ceil(total / budget));
      assert.ok(batches <= 2 * Math.ceil(total / budget));
    }),
  );
});

test('the order depends on seed and epoch; random is the plain shuffle', () => {
  const lengths = Int32Array.from({ length: 50 }, (_, i) => 1 + (i % 9));
  const size = { rows: 50, batchSize: 4, batchesPerEpoch: tokenBatches(lengths, 30) };
  const of = (seed: number, epoch: number): Int32Array =>
    epochOf(size, { strategy: 'random', batchTokens: 30, lengths }, seed, epoch).order;
  assert.deepEqual(of(3, 1), shuffledOrder(50, 3, 1));
  assert.deepEqual(of(3, 1), of(3, 1));
  assert.notDeepEqual(of(3, 1), of(3, 2));
  assert.notDeepEqual(of(3, 1), of(4, 1));
});

// As transformers' get_length_grouped_indices puts it: stretches of min(rows / (4 batch), 50) batches, each longest first, the longest of all swapped to the front.
test('grouped by length: sorted stretches of the shuffle, the longest row first', () => {
  const lengths = Int32Array.from({ length: 40 }, (_, i) => 1 + ((i * 17) % 40));
  const size = { rows: 40, batchSize: 2, batchesPerEpoch: 20 };
  const { order, cuts } = epochOf(size, { strategy: 'group_by_length', batchTokens: undefined, lengths }, 5, 0);
  const shuffled = shuffledOrder(40, 5, 0);
  const stretch = 10; // 40 / (4 x 2) = 5 batches of 2
  const wanted: number[] = [];
  for (let at = 0; at < 40; at += stretch)
    wanted.push(...[...shuffled.slice(at, at + stretch)].sort((a, b) => lengths[b]! - lengths[a]!));
  const longest = wanted.findIndex((row) => lengths[row] === 40);
  [wanted[0], wanted[longest]] = [wanted[longest]!, wanted[0]!];
  assert.deepEqual([...order], wanted);
  assert.equal(lengths[order[0]!], 40);
  assert.deepEqual(
    [...cuts],
    Array.from({ length: 21 }, (_, b) => 2 * b),
  );
});

test('sequential is the order of the file, every epoch', () => {
  const size = { rows: 7, batchSize: 3, batchesPerEpoch: 3 };
  const batching: Batching = { strategy: 'sequential', batchTokens: undefined, lengths: new Int32Array() };
  for (const epoch of [0, 1]) assert.deepEqual([...epochOf(size, batching, 1, epoch).order], [0, 1, 2, 3, 4, 5, 6]);
});

test('a row above the budget is refused, with what would do', () => {
  assert.equal(tokenBatches(Int32Array.of(12, 30, 5), 30), 3);
  assert.throws(() => tokenBatches(Int32Array.of(12, 30, 5), 29), {
    code: 'ERR_INVALID_OPTION',
    message: /29 tokens.*longest row, of 30/,
  });
});

test('lengths and steps of several splits', () => {
  const [a, b] = [tinySplit(5, 1), tinySplit(3, 2)];
  const lengths = lengthsOf([{ split: a, rows: Int32Array.of(4, 0) }, { split: b }]);
  assert.deepEqual([...lengths.subarray(0, 2)], [a.offsets[5]! - a.offsets[4]!, a.offsets[1]!]);
  assert.equal(lengths.length, 5);
  const counts = countRun({ batchTokens: 24, epochs: 2 }, [a, b]);
  assert.equal(counts.rows, 8);
  assert.equal(counts.batchesPerEpoch, tokenBatches(lengthsOf([{ split: a }, { split: b }]), 24));
  assert.equal(counts.total, 2 * counts.batchesPerEpoch);
});
