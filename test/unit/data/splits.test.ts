import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { findContained } from '../../../lib/data/containment.ts';
import { glueTasks } from '../../../lib/data/glue.ts';
import { groupByText, normalise } from '../../../lib/data/grouping.ts';
import { loadGlue } from '../../../lib/data/load.ts';
import { PairTable } from '../../../lib/data/pair-table.ts';
import type { Row } from '../../../lib/data/rows.ts';
import { holdOut } from '../../../lib/data/splits.ts';
import { UnionFind } from '../../../lib/data/union-find.ts';
import { dataFolder } from '../../helpers/data.ts';

const word = fc.constantFrom('a', 'b', 'c', 'd');
const textOfWords = fc.array(word, { minLength: 1, maxLength: 7 });
const text = textOfWords.map((words) => words.join(' '));
const row = fc.record({ a: text, b: text, label: fc.constantFrom(0, 1) });
const asRows = (list: readonly Omit<Row, 'id'>[]) => list.map((r, id) => ({ ...r, id }));

const holds = (outer: readonly string[], inner: readonly string[]) =>
  ` ${outer.join(' ')} `.includes(` ${inner.join(' ')} `);

test('findContained joins exactly what a search of all pairs joins', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(textOfWords, { minLength: 1, maxLength: 25, selector: String }),
      fc.integer({ min: 1, max: 4 }),
      (texts, least) => {
        const fast = new UnionFind(texts.length);
        findContained(texts, least, (inner, outer) => {
          assert.notEqual(inner, outer);
          assert.ok(holds(texts[outer]!, texts[inner]!) && texts[inner]!.length >= least);
          fast.join(inner, outer);
        });
        const slow = new UnionFind(texts.length);
        for (const [i, inner] of texts.entries()) {
          for (const [o, outer] of texts.entries()) if (inner.length >= least && holds(outer, inner)) slow.join(i, o);
        }
        assert.deepEqual(
          texts.map((_, i) => fast.find(i)),
          texts.map((_, i) => slow.find(i)),
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('PairTable is a map of pairs', () => {
  const pair = fc.tuple(fc.nat(50), fc.nat(50), fc.nat(2 ** 31 - 2));
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 300 }), (entries) => {
      const table = new PairTable();
      const map = new Map<string, number>();
      for (const [x, y, value] of entries) {
        table.set(x, y, value);
        map.set(`${x} ${y}`, value);
      }
      for (let x = 0; x <= 50; x++)
        for (let y = 0; y <= 50; y++) assert.equal(table.get(x, y), map.get(`${x} ${y}`) ?? -1);
    }),
    { numRuns: 20 },
  );
  const large = new PairTable();
  for (let i = 0; i < 20000; i++) large.set(i, i * 7, i);
  for (let i = 0; i < 20000; i++) assert.equal(large.get(i, i * 7), i);
});

test('every row is on one side, and no text is on both', () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 60, maxLength: 120 }), fc.nat(1000), (list, seed) => {
      // Mostly distinct texts, with some shared ones among them.
      const rows = asRows(list.map((r, i) => (i % 3 === 0 ? r : { ...r, a: `${r.a} ${i}`, b: `B ${i}` })));
      const { train, heldOut } = holdOut(rows, { seed, size: 20 });
      assert.deepEqual(
        [...train, ...heldOut].sort((x, y) => x - y),
        [...rows.keys()],
      );
      assert.ok(heldOut.length > 0 && heldOut.length <= 20);
      const texts = (side: Int32Array) =>
        new Set([...side].flatMap((r) => [normalise(rows[r]!.a), normalise(rows[r]!.b!)]));
      assert.deepEqual(
        [...texts(heldOut)].filter((t) => texts(train).has(t)),
        [],
      );
    }),
  );
});

test('texts that differ in case, spacing or Unicode form, on either side of a pair, are the same', () => {
  const rows = asRows([
    { a: 'One  two', b: 'x', label: 0 },
    { a: 'y', b: 'one two ', label: 0 },
    { a: 'caf\u00e9', b: 'z', label: 0 },
    { a: 'Y', b: 'cafe\u0301', label: 0 },
    { a: 'alone', label: 0 },
  ]);
  assert.deepEqual([...groupByText(rows)], [0, 0, 0, 0, 4]);
});

test('phrases stay with the sentences that hold them', () => {
  const rows = asRows(
    ['a very good film indeed', 'film indeed', 'very good film', 'very good films', 'good film indeed , sir'].map(
      (a) => ({ a, label: 0 }),
    ),
  );
  assert.deepEqual([...groupByText(rows, 3)], [0, 1, 0, 3, 4]);
  assert.deepEqual([...groupByText(rows, 2)], [0, 0, 0, 3, 0]);
});

test('labels keep their shares', () => {
  const rows = asRows(
    Array.from({ length: 5000 }, (_, i) => ({ a: `text ${i}`, label: i % 10 === 0 ? 2 : i % 3 === 0 ? 1 : 0 })),
  );
  const { heldOut } = holdOut(rows, { seed: 3 });
  assert.equal(heldOut.length, 1000);
  const share = (label: number) => heldOut.filter((r) => rows[r]!.label === label).length;
  assert.deepEqual([share(0), share(1), share(2)], [600, 300, 100]);
});

test('regression targets are spread like the whole', () => {
  const rows = asRows(Array.from({ length: 2000 }, (_, i) => ({ a: `text ${i}`, label: (i % 51) / 10 })));
  const { heldOut } = holdOut(rows, { seed: 3, size: 200 });
  assert.equal(heldOut.length, 200);
  for (const [low, high] of [
    [0, 1],
    [2, 3],
    [4, 5],
  ] as const) {
    const inside = (r: number) => rows[r]!.label >= low && rows[r]!.label < high;
    const expected = rows.filter((_, r) => inside(r)).length / 10;
    assert.ok(Math.abs(heldOut.filter(inside).length - expected) <= 12, `${low}-${high}`);
  }
});

test('default sizes: a tenth, at least 1,000, at most a fifth and 5,000', () => {
  for (const [count, expected] of [
    [300, 60],
    [4000, 800],
    [7000, 1000],
    [20000, 2000],
    [60000, 5000],
  ] as const) {
    const rows = asRows(Array.from({ length: count }, (_, i) => ({ a: `text ${i}`, label: i % 2 })));
    assert.equal(holdOut(rows, { seed: 1 }).heldOut.length, expected);
  }
});

test('the seed decides, the same on every machine', () => {
  const rows = asRows(Array.from({ length: 5000 }, (_, i) => ({ a: `text ${i % 4500}`, label: i % 2 })));
  const digest = (seed: number) =>
    createHash('sha256').update(holdOut(rows, { seed }).heldOut.join()).digest('hex').slice(0, 16);
  assert.deepEqual([1, 2, 2 ** 40].map(digest), ['af94c226006d6284', '3184c2724cffd89b', 'e9e4767eee829805']);
});

test('impossible sizes: ERR_INVALID_OPTION', () => {
  const rows = asRows(Array.from({ length: 10 }, () => ({ a: 'the same', label: 0 })));
  for (const size of [0, 10, 2.5, NaN])
    assert.throws(() => holdOut(rows, { seed: 1, size }), { code: 'ERR_INVALID_OPTION' });
  assert.throws(() => holdOut(rows, { seed: 1, size: 5 }), { code: 'ERR_INVALID_OPTION', message: /share texts/ });
});

const data = dataFolder();
test('SST-2: 67,349 rows in a few seconds, no phrase torn from its sentence', {
  skip: data === undefined && 'no real data here',
}, async () => {
  const { rows } = await loadGlue(`${data}/glue`, glueTasks.sst2, 'train');
  const start = performance.now();
  const { train, heldOut } = holdOut(rows, { seed: 1, containment: 3 });
  assert.ok(performance.now() - start < 20_000);
  assert.equal(heldOut.length, 5000);
  assert.equal(train.length + heldOut.length, rows.length);
  // Checked the plain way on a sample: every run of 3 to 12 words of 500 held-out sentences, against the texts of train.
  const texts = new Set(Array.from(train, (r) => normalise(rows[r]!.a)));
  for (const r of heldOut.subarray(0, 500)) {
    const words = normalise(rows[r]!.a).split(' ');
    for (let from = 0; from < words.length; from++) {
      for (let to = from + 3; to <= Math.min(words.length, from + 12); to++)
        assert.ok(!texts.has(words.slice(from, to).join(' ')));
    }
  }
});
