import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRandom } from '../../../lib/random.ts';
import { selectRows } from '../../../lib/data/select.ts';
import { isLrdistError } from '../../../lib/errors.ts';
import { byLength, halvingBound } from '../../../lib/forgetting/shifts/by-length.ts';
import { kMeans, nearestCentres } from '../../../lib/forgetting/shifts/k-means.ts';
import { type EncodedSplit, rowsOf } from '../../../lib/train/task.ts';
import { tinySplit, tinyTask } from '../../helpers/tiny-task.ts';

const lengths = (split: EncodedSplit): number[] =>
  Array.from({ length: rowsOf(split) }, (_, r) => split.offsets[r + 1]! - split.offsets[r]!);
const row = (split: EncodedSplit, r: number): unknown => [
  [...split.inputIds.subarray(split.offsets[r], split.offsets[r + 1])],
  [...split.typeIds.subarray(split.offsets[r], split.offsets[r + 1])],
  split.labels[r],
];

test('selected rows are those rows, in the order asked for', () => {
  const split = tinySplit(12, 3);
  const wanted = [5, 0, 11, 5];
  const chosen = selectRows(split, wanted);
  assert.deepEqual(
    wanted.map((_, i) => row(chosen, i)),
    wanted.map((r) => row(split, r)),
  );
});

test('halves by length: every short row is shorter than every long one, in all splits; together they are the task', () => {
  const task = tinyTask({ train: 200, validation: 80 });
  const [short, long] = byLength(task);
  assert.deepEqual([short.name, long.name], ['tiny-short', 'tiny-long']);
  const bound = Math.max(...lengths(short.splits['train']!));
  for (const [name, split] of Object.entries(task.splits)) {
    const [a, b] = [short.splits[name]!, long.splits[name]!];
    assert.ok(Math.max(...lengths(a)) <= bound && bound < Math.min(...lengths(b)), name);
    assert.equal(rowsOf(a) + rowsOf(b), rowsOf(split));
    assert.deepEqual([...lengths(a), ...lengths(b)].sort(), lengths(split).sort());
  }
  const share = rowsOf(short.splits['train']!) / 200;
  assert.ok(share > 0.25 && share < 0.75, `${share}`);
  const { labels } = short.splits['validation']!;
  const ones = labels.filter((label) => label === 1).length / labels.length;
  assert.ok(Math.abs(short.chance! - Math.max(ones, 1 - ones)) < 1e-12);
});

test('the bound cuts as nearly in half as ties allow', () => {
  assert.equal(halvingBound([1, 2, 3, 4]), 2);
  assert.equal(halvingBound([1, 2, 2, 2, 2, 9]), 1);
  assert.equal(halvingBound([1, 5, 5, 5, 5]), 1);
  assert.equal(halvingBound([4, 4]), undefined);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 40 }), (values) => {
      const gap = (bound: number): number => Math.abs(2 * values.filter((v) => v <= bound).length - values.length);
      const bounds = [...new Set(values)].filter((bound) => bound < Math.max(...values));
      const found = halvingBound(values);
      if (bounds.length === 0) assert.equal(found, undefined);
      else assert.equal(gap(found!), Math.min(...bounds.map(gap)));
    }),
  );
});

test('halves with one class, or none to cut, are refused with a remedy', () => {
  const task = tinyTask({ train: 40, validation: 20 });
  const train = task.splits['train']!;
  const bound = halvingBound(lengths(train))!;
  const labels = Float32Array.from(lengths(train), (length) => Number(length > bound));
  const refused = (changed: EncodedSplit, message: RegExp): void =>
    assert.throws(
      () => byLength({ ...task, splits: { ...task.splits, train: changed } }),
      (error) =>
        isLrdistError(error) &&
        error.code === 'ERR_DATA_INVALID' &&
        message.test(error.message) &&
        error.remedy !== undefined,
    );
  refused({ ...train, labels }, /short half of tiny's train rows by length .* has one class only \(negative\)/);
  const same = lengths(train).findIndex((length, r) => lengths(train).indexOf(length) < r);
  refused(selectRows(train, [lengths(train).indexOf(lengths(train)[same]!), same]), /cannot be cut by length/);
});

test('k-means finds two clouds whatever their order, the larger first, the same for a seed', () => {
  const random = createRandom(4);
  const cloud = (x: number, count: number): number[][] =>
    Array.from({ length: count }, () => [x + random.float(), -x + random.float(), random.float()]);
  const rows = [...cloud(5, 20), ...cloud(-5, 40), ...cloud(5, 5)];
  const { centres, assignment } = kMeans(rows, 2, 1);
  assert.deepEqual(
    [...assignment],
    [...new Array<number>(20).fill(1), ...new Array<number>(40).fill(0), ...new Array<number>(5).fill(1)],
  );
  assert.ok(centres[0]![0]! < -4 && centres[1]![0]! > 5);
  assert.deepEqual(
    [
      ...nearestCentres(
        [
          [-3, 3, 0],
          [3, -3, 0],
        ],
        centres,
      ),
    ],
    [0, 1],
  );
  assert.deepEqual(kMeans(rows, 2, 1), kMeans(rows, 2, 1));
});
