import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { cacheFolder } from '../../../lib/data/cache.ts';
import { encodeRows } from '../../../lib/data/dataset.ts';
import type { Row } from '../../../lib/data/rows.ts';
import { openTokenizer } from '../../../lib/data/tokenizer.ts';
import { buildTokenizerJson } from '../../../lib/data/tokenizer-json.ts';
import { readTokenizerFiles } from '../../../lib/data/tokenizer-files.ts';
import { nativeTokenizers } from '../../../lib/data/tokenizers-native.ts';
import { longestFirst } from '../../../lib/data/truncation.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const root = temporaryFolder();
const words = ['a', 'b', 'cat', 'dog', '##s'];
writeFileSync(join(root, 'vocab.txt'), ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...words].join('\n'));
const tokenizer = await openTokenizer(root);
const newCache = () => mkdtempSync(join(root, 'cache-'));
const rows: Row[] = [
  { a: 'cats', b: 'a dog', label: 1, id: 0 },
  { a: 'a', label: 0.5, id: 1 },
  { a: '', b: '', label: NaN, id: 2 },
];

test('rows become one ragged array with special tokens, segments and labels', async () => {
  const { inputIds, typeIds, offsets, labels } = await encodeRows(rows, tokenizer, { cache: false });
  assert.deepEqual([...inputIds], [2, 7, 9, 3, 5, 8, 3, 2, 5, 3, 2, 3, 3]);
  assert.deepEqual([...typeIds], [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1]);
  assert.deepEqual([...offsets], [0, 7, 10, 13]);
  assert.deepEqual([...labels], [1, 0.5, NaN]);
});

test('no rows are no tokens', async () => {
  const empty = await encodeRows([], tokenizer, { cache: false });
  assert.deepEqual([empty.inputIds.length, [...empty.offsets], empty.labels.length], [0, [0], 0]);
});

test("pairs, cut or not, equal the tokenizers library's own encoding of pairs", async () => {
  const native = nativeTokenizers().Tokenizer.fromString(buildTokenizerJson(await readTokenizerFiles(root)));
  // The package's encode() first cuts both sides to the full length and so forgets which was longer; transformers does not. Hence no text of that length.
  const text = fc.array(fc.constantFrom('a', 'b', 'cat', 'dog', 'x'), { maxLength: 14 }).map((list) => list.join(' '));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 15, max: 32 }),
      async (pairs, maxLength) => {
        native.setTruncation(maxLength);
        const found = await encodeRows(
          pairs.map(([a, b], id) => ({ a, b, label: 0, id })),
          tokenizer,
          { maxLength, cache: false },
        );
        for (const [r, [a, b]] of pairs.entries()) {
          const expected = await native.encode(a, b);
          assert.deepEqual([...found.inputIds.subarray(found.offsets[r], found.offsets[r + 1])], expected.getIds());
          assert.deepEqual([...found.typeIds.subarray(found.offsets[r], found.offsets[r + 1])], expected.getTypeIds());
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('longest-first: never more than there is, room used up, and the longer side is cut first', () => {
  fc.assert(
    fc.property(fc.nat(600), fc.nat(600), fc.nat(600), (a, b, room) => {
      const [keepA, keepB] = longestFirst(a, b, room);
      assert.ok(keepA >= 0 && keepA <= a && keepB >= 0 && keepB <= b);
      assert.equal(keepA + keepB, Math.min(a + b, room));
      if (keepA < a && keepB < b) assert.ok(Math.abs(keepA - keepB) <= 1);
      else if (keepA < a) assert.ok(keepA >= keepB);
      else if (keepB < b) assert.ok(keepB >= keepA);
    }),
  );
});

test('the cache gives the same arrays back without the tokenizer', async () => {
  const cache = newCache();
  const first = await encodeRows(rows, tokenizer, { cache });
  assert.equal(readdirSync(cache).length, 1);
  let calls = 0;
  const counting = { ...tokenizer, encodeTexts: (texts: readonly string[]) => (calls++, tokenizer.encodeTexts(texts)) };
  assert.deepEqual(await encodeRows(rows, counting, { cache }), first);
  assert.equal(calls, 0);
  assert.deepEqual(await encodeRows(rows, counting, { cache, overwriteCache: true }), first);
  assert.equal(calls, 1);
  assert.equal(readdirSync(cache).length, 1);
});

test('another text, label, length or tokenizer is another entry', async () => {
  const cache = newCache();
  await encodeRows(rows, tokenizer, { cache });
  await encodeRows([{ ...rows[0]!, a: 'dog' }, ...rows.slice(1)], tokenizer, { cache });
  await encodeRows([{ ...rows[0]!, label: 0 }, ...rows.slice(1)], tokenizer, { cache });
  await encodeRows(rows, tokenizer, { cache, maxLength: 6 });
  await encodeRows(rows, { ...tokenizer, fingerprint: 'other' }, { cache });
  // Sides of a pair are not interchangeable, nor is an empty second text the same as none.
  await encodeRows([{ a: 'a', b: '', label: 0, id: 0 }], tokenizer, { cache });
  await encodeRows([{ a: 'a', label: 0, id: 0 }], tokenizer, { cache });
  await encodeRows([{ a: '', b: 'a', label: 0, id: 0 }], tokenizer, { cache });
  assert.equal(readdirSync(cache).length, 8);
});

test('a damaged entry is noticed, told and made anew', async () => {
  const cache = newCache();
  const first = await encodeRows(rows, tokenizer, { cache });
  const path = join(cache, readdirSync(cache)[0]!);
  const whole = readFileSync(path);
  const damages = [
    whole.subarray(0, whole.length - 1),
    whole.subarray(0, 20),
    Buffer.alloc(0),
    Buffer.concat([whole, whole]),
  ];
  for (const at of [0, 8, 12, 30, 60, whole.length - 1]) {
    const flipped = Buffer.from(whole);
    flipped[at]! ^= 1;
    damages.push(flipped);
  }
  for (const damaged of damages) {
    writeFileSync(path, damaged);
    const warnings: string[] = [];
    assert.deepEqual(
      await encodeRows(rows, tokenizer, { cache, onWarning: (message) => warnings.push(message) }),
      first,
    );
    assert.match(warnings.join(), /damaged/);
    assert.deepEqual(readFileSync(path), whole);
  }
});

test('a cache that cannot be written is no failure, but is told', async () => {
  const warnings: string[] = [];
  writeFileSync(join(root, 'a-file'), '');
  const found = await encodeRows(rows, tokenizer, {
    cache: join(root, 'a-file'),
    onWarning: (message) => warnings.push(message),
  });
  assert.equal(found.labels.length, 3);
  assert.match(warnings.join('\n'), /could not be cached/);
  const folder = newCache();
  chmodSync(folder, 0o500);
  await encodeRows(rows, tokenizer, { cache: folder });
});

test('LRDIST_CACHE, XDG_CACHE_HOME and the home folder decide where the cache is', () => {
  process.env['LRDIST_CACHE'] = '/one';
  assert.equal(cacheFolder(), '/one');
  delete process.env['LRDIST_CACHE'];
  process.env['XDG_CACHE_HOME'] = '/two';
  assert.equal(cacheFolder(), '/two/lrdist');
  delete process.env['XDG_CACHE_HOME'];
  assert.match(cacheFolder(), /\.cache\/lrdist$/);
});

test('abort rejects with its reason and leaves no cache entry', async () => {
  const cache = newCache();
  await assert.rejects(encodeRows(rows, tokenizer, { cache, signal: AbortSignal.abort(new Error('stop')) }), {
    message: 'stop',
  });
  assert.deepEqual(readdirSync(cache), []);
});
