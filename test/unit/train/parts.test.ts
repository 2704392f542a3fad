import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LrdistError } from '../../../lib/errors.ts';
import type { Model } from '../../../lib/train/model.ts';
import { type Fewer, fewerText, inParts, partSize, replicasThatFit } from '../../../lib/train/parts.ts';
import type { EncodedSplit } from '../../../lib/train/task.ts';

/** Doubles numbers, as many at once as there is room for. */
function worker(room: () => number) {
  const begun: number[][] = [];
  const run = async (part: readonly number[]): Promise<number[]> => {
    begun.push([...part]);
    if (part.length > room()) throw new LrdistError('ERR_OUT_OF_MEMORY', `no room for ${part.length}\nmore`);
    return part.map((value) => 2 * value);
  };
  return { begun, run };
}

test('all at once where there is room', async () => {
  const { begun, run } = worker(() => 99);
  const told: Fewer[] = [];
  assert.deepEqual(await inParts([1, 2, 3], 3, run, (fewer) => told.push(fewer)), [2, 4, 6]);
  assert.deepEqual([begun, told], [[[1, 2, 3]], []]);
  assert.deepEqual(await inParts([1, 2, 3], Infinity, run, (fewer) => told.push(fewer)), [2, 4, 6]);
  assert.deepEqual(await inParts([], 4, run, (fewer) => told.push(fewer)), []);
  assert.equal(told.length, 0);
});

test('equal parts where it is known that there is less', async () => {
  const { begun, run } = worker(() => 3);
  const told: Fewer[] = [];
  assert.deepEqual(await inParts([1, 2, 3, 4], 3, run, (fewer) => told.push(fewer)), [2, 4, 6, 8]);
  assert.deepEqual(begun, [
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual(told, [{ of: 4, size: 2 }]);
  assert.equal(fewerText(told[0]!, 'trials'), 'memory is short: of 4 trials, 2 train at a time');
});

test('a part that memory runs out in begins again in halves, and the others are as small', async () => {
  const { begun, run } = worker(() => 2);
  const told: Fewer[] = [];
  assert.deepEqual(await inParts([1, 2, 3, 4, 5, 6], 5, run, (fewer) => told.push(fewer)), [2, 4, 6, 8, 10, 12]);
  assert.deepEqual(begun, [
    [1, 2, 3],
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  assert.deepEqual(told, [
    { of: 6, size: 3 },
    { of: 3, size: 2, error: 'no room for 3\nmore' },
  ]);
  assert.equal(
    fewerText(told[1]!),
    'memory ran out (no room for 3): of 3 replicas, 2 train at a time; they begin again',
  );
});

test('halves, not one less', async () => {
  const { begun, run } = worker(() => 4);
  await inParts([1, 2, 3, 4, 5, 6, 7, 8], 8, run, () => {});
  assert.deepEqual(
    begun.map(({ length }) => length),
    [8, 4, 4],
  );
});

test('one that does not fit alone, and other errors, are told', async () => {
  const none = worker(() => 0);
  await assert.rejects(
    inParts([1, 2], 2, none.run, () => {}),
    { code: 'ERR_OUT_OF_MEMORY' },
  );
  assert.deepEqual(none.begun, [[1, 2], [1]]);
  const broken = inParts(
    [1, 2],
    2,
    async () => Promise.reject(new Error('else')),
    () => assert.fail(),
  );
  await assert.rejects(broken, /else/);
});

test('however room comes and goes, each item has one result, in its place', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1 }),
      async (count, most, rooms) => {
        let i = 0;
        const { run } = worker(() => rooms[i++ % rooms.length]!);
        const items = Array.from({ length: count }, (_, k) => k);
        assert.deepEqual(
          await inParts(items, most, run, () => {}),
          items.map((k) => 2 * k),
        );
      },
    ),
  );
});

test('sizes of parts', () => {
  assert.deepEqual(
    [
      [16, 7],
      [16, 16],
      [16, 99],
      [5, 4],
      [3, 0],
    ].map(([count, most]) => partSize(count!, most!)),
    [6, 16, 16, 3, 1],
  );
});

test('what the engine is asked', async () => {
  const split: EncodedSplit = {
    inputIds: new Int32Array(300),
    typeIds: new Uint8Array(300),
    offsets: Int32Array.of(0, 100, 110, 300),
    labels: new Float32Array(3),
  };
  const asked: unknown[] = [];
  const model = (device: string): Pick<Model, 'session' | 'spec'> =>
    ({
      spec: { device },
      session: {
        fit: async (fit: unknown) => {
          asked.push(fit);
          return 0;
        },
      },
    }) as unknown as Model;
  const tasks = [{ name: 'a', splits: { train: split } }];
  assert.equal(await replicasThatFit(model('cpu'), 9, { tasks }), 9);
  assert.equal(await replicasThatFit(model('cuda:0'), 1, { tasks }), 1);
  assert.equal(asked.length, 0);
  // Even where not one fits it is tried.
  assert.equal(await replicasThatFit(model('cuda:0'), 9, { tasks, batchSize: 32 }), 1);
  assert.equal(await replicasThatFit(model('cuda:0'), 9, { tasks, batchTokens: 4000, slots: 1 }), 1);
  assert.deepEqual(asked, [
    { replicas: 9, tokens: 32 * 190, rows: 32, slots: 0 },
    { replicas: 9, tokens: 4000, rows: 2000, slots: 1 },
  ]);
});
