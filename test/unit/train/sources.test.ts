import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchesOf, countSteps } from '../../../lib/train/plan.ts';
import { type Mixture, mixBatches } from '../../../lib/train/sources.ts';

const part = { head: 0, dataset: 0, loss: 'cross-entropy' } as const;
const counts = countSteps({ rows: 10, batchSize: 4, accumulation: 1, epochs: 3, maxSteps: -1 });
const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
const list = ({ batchPart, batchStep, rows, rowOffsets, weights }: ReturnType<typeof mixBatches>) =>
  Array.from(batchPart, (p, b) => ({
    part: p,
    step: batchStep[b]!,
    rows: [...rows.subarray(rowOffsets[b], rowOffsets[b + 1])],
    weight: weights[b]!,
  }));

test('mixed rows: each row of all sources once an epoch, weights by share', () => {
  const mixture: Mixture = {
    parts: [part, part],
    main: [
      { part: 0, rows: undefined, count: 6 },
      { part: 1, rows: Int32Array.of(20, 30, 40, 50), count: 4 },
    ],
    beside: [],
  };
  const batches = list(mixBatches(mixture, batchesOf(counts, 7, 0, 3), 0, counts, 7));
  const of = (p: number): number[] =>
    batches.flatMap(({ part: own, rows }) => (own === p ? rows : [])).sort((a, b) => a - b);
  assert.deepEqual(of(0), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(of(1), [20, 30, 40, 50]);
  for (const step of [0, 1, 2]) {
    const own = batches.filter((batch) => batch.step === step);
    const total = sum(own.map(({ rows }) => rows.length));
    for (const { rows, weight } of own) assert.ok(Math.abs(weight - rows.length / total) < 1e-12);
  }
});

test('rows beside a step come after its own, as many, with their weight; a resumed run draws the same', () => {
  const mixture: Mixture = {
    parts: [part, part, part],
    main: [{ part: 0, rows: undefined, count: 10 }],
    beside: [
      {
        rows: 'own',
        weight: 0.5,
        sources: [
          { part: 1, rows: Int32Array.of(7, 8, 9), count: 3 },
          { part: 2, rows: undefined, count: 4 },
        ],
      },
    ],
  };
  const plain = batchesOf(counts, 7, 0, 9);
  const whole = list(mixBatches(mixture, plain, 0, counts, 7));
  const own = whole.filter((batch) => batch.part === 0);
  assert.deepEqual(
    own.flatMap(({ rows }) => rows),
    [...plain.rows],
  );
  for (let step = 0; step < 9; step++) {
    const batches = whole.filter((batch) => batch.step === step);
    assert.equal(batches[0]!.part, 0);
    const beside = batches.slice(1);
    assert.equal(sum(beside.map(({ rows }) => rows.length)), 4);
    assert.ok(Math.abs(sum(beside.map(({ weight }) => weight)) - 0.5) < 1e-12);
  }
  // Seven stored rows, four a step: after seven steps every one was drawn four times.
  const drawn = whole.filter((batch) => batch.part > 0 && batch.step < 7);
  for (const row of [7, 8, 9])
    assert.equal(
      drawn
        .filter((b) => b.part === 1)
        .flatMap(({ rows }) => rows)
        .filter((r) => r === row).length,
      4,
    );
  const rest = list(mixBatches(mixture, batchesOf(counts, 7, 5, 9), 5, counts, 7));
  assert.deepEqual(
    rest.map((batch) => ({ ...batch, step: batch.step + 5 })),
    whole.filter(({ step }) => step >= 5),
  );
});

test('the same rows again: each batch once more for each source', () => {
  const mixture: Mixture = {
    parts: [part, part],
    main: [{ part: 0, rows: undefined, count: 10 }],
    beside: [{ rows: 'same', weight: 3, sources: [{ part: 1, rows: undefined, count: 10 }] }],
  };
  const accumulated = countSteps({ rows: 10, batchSize: 2, accumulation: 2, epochs: 1, maxSteps: -1 });
  const batches = list(mixBatches(mixture, batchesOf(accumulated, 7, 0, 3), 0, accumulated, 7));
  for (let step = 0; step < 3; step++) {
    const [own, again] = [0, 1].map((p) => batches.filter((batch) => batch.step === step && batch.part === p));
    assert.deepEqual(
      again!.map(({ rows, weight }) => [rows, weight / 3]),
      own!.map(({ rows, weight }) => [rows, weight]),
    );
  }
});

test('fewer stored rows than a step has are all taken, each once', () => {
  const mixture: Mixture = {
    parts: [part, part],
    main: [{ part: 0, rows: undefined, count: 10 }],
    beside: [{ rows: 'own', weight: 1, sources: [{ part: 1, rows: Int32Array.of(3, 5), count: 2 }] }],
  };
  const batches = list(mixBatches(mixture, batchesOf(counts, 7, 0, 2), 0, counts, 7));
  for (const { rows, weight } of batches.filter((batch) => batch.part === 1))
    assert.deepEqual([rows.sort(), weight], [[3, 5], 1]);
});
