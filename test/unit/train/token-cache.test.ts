import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { openTokenizer } from '../../../lib/data/tokenizer.ts';
import { loadTask, type LoadedTask, type LoadTaskOptions, openTaskTokenizer } from '../../../lib/train/load-task.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';
import { writeTinyBert } from '../../helpers/tiny-bert.ts';
import { writeTinyGlue } from '../../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const data = join(work, 'glue');
const newFolder = (): string => mkdtempSync(join(work, 'f-'));

before(async () => {
  await writeTinyBert(model);
  await writeTinyGlue(data, { train: 60, validation: 12 });
});

const load = (cache: string | false, more: Partial<LoadTaskOptions> = {}): Promise<LoadedTask> =>
  loadTask({ task: 'sst2', dataDir: data, model, cache, ...more });
const comparable = ({ splits, ids, notes }: LoadedTask) => ({ splits, ids, notes });
const entries = (cache: string): string[] => readdirSync(cache).filter((name) => name.endsWith('.bin'));

/** The model's tokenizer, but one that cannot encode: what it is not asked for comes from the cache. */
async function mute(cache: string): Promise<NonNullable<LoadTaskOptions['tokenizer']>> {
  const tokenizer = await openTaskTokenizer(model, model, { cache });
  return { ...tokenizer, encodeTexts: () => Promise.reject(new Error('the tokenizer was asked')) };
}

test('a second load takes ids, labels and row numbers from the cache, and tokenizes nothing', async () => {
  const cache = newFolder();
  const first = await load(cache);
  assert.equal(entries(cache).length, 2);
  const again = await load(cache, { tokenizer: await mute(cache) });
  assert.deepEqual(comparable(again), comparable(first));
  assert.deepEqual(comparable(again), comparable(await load(false)));
  await assert.rejects(load(cache, { tokenizer: await mute(cache), overwriteCache: true }), /the tokenizer was asked/);
});

test('the same files elsewhere are the same entry; changed files, options and tokenizers are others', async () => {
  const cache = newFolder();
  await load(cache);
  const copy = join(newFolder(), 'glue');
  cpSync(data, copy, { recursive: true });
  await load(cache, { dataDir: copy });
  assert.equal(entries(cache).length, 2);

  appendFileSync(join(copy, 'SST-2', 'train.tsv'), 'the film was good .\t1\n');
  const longer = await load(cache, { dataDir: copy });
  assert.equal(longer.ids['train']!.length, 61);
  assert.equal(entries(cache).length, 3);

  let known = 3;
  const tokenizer = await openTaskTokenizer(model);
  const others: Partial<LoadTaskOptions>[] = [
    { maxLength: 6 },
    { maxTrainSamples: 10 },
    { tokenizer: { ...tokenizer, fingerprint: 'other' } },
    { selection: { seed: 1, size: 10 } },
    { selection: { seed: 2, size: 10 } },
  ];
  for (const other of others) {
    await load(cache, { splits: ['train'], ...other });
    assert.ok(entries(cache).length > known, JSON.stringify(Object.keys(other)));
    known = entries(cache).length;
  }
});

test('rows held out and limits come back as they were', async () => {
  const cache = newFolder();
  const selection = { seed: 1, size: 20 };
  const { ids } = await load(cache, { selection });
  assert.equal(new Set([...ids['train']!, ...ids['selection']!]).size, 60);
  const options = { selection, maxTrainSamples: 25, maxEvalSamples: 8 };
  const first = await load(cache, options);
  assert.deepEqual(
    Object.values(first.ids).map(({ length }) => length),
    [25, 8, 8],
  );
  const again = await load(cache, { ...options, tokenizer: await mute(cache) });
  assert.deepEqual(comparable(again), comparable(first));
});

test('what was told about broken rows is told again', async () => {
  const cache = newFolder();
  const folder = newFolder();
  const lines = ['id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate', '1\t1\t2\tthe film\ta film\t1', 'broken'];
  mkdirSync(join(folder, 'QQP'));
  for (const file of ['train.tsv', 'dev.tsv']) writeFileSync(join(folder, 'QQP', file), `${lines.join('\n')}\n`);
  const options = { task: 'qqp', dataDir: folder };
  const first = await load(cache, options);
  assert.deepEqual(first.notes, ['train: 1 broken row left out', 'validation: 1 broken row left out']);
  assert.deepEqual((await load(cache, { ...options, tokenizer: await mute(cache) })).notes, first.notes);
});

test('damaged, cut and foreign entries are made anew', async () => {
  const cache = newFolder();
  const first = comparable(await load(cache));
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    const whole = readFileSync(path);
    for (const damaged of [
      whole.subarray(0, -3),
      Buffer.alloc(0),
      flipped(whole, 40),
      flipped(whole, whole.length - 2),
    ]) {
      writeFileSync(path, damaged);
      assert.deepEqual(comparable(await load(cache)), first);
      assert.deepEqual(readFileSync(path), whole);
    }
  }
  // What a killed process leaves behind disturbs nobody.
  writeFileSync(join(cache, `${entries(cache)[0]}.1234.tmp`), 'half');
  assert.deepEqual(comparable(await load(cache, { tokenizer: await mute(cache) })), first);
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
}

test('many at once make whole entries', async () => {
  const cache = newFolder();
  const all = await Promise.all(Array.from({ length: 8 }, () => load(cache)));
  for (const task of all) assert.deepEqual(comparable(task), comparable(all[0]!));
  assert.equal(readdirSync(cache).filter((name) => name.endsWith('.tmp')).length, 0);
  assert.deepEqual(comparable(await load(cache, { tokenizer: await mute(cache) })), comparable(all[0]!));
});

test('without a cache nothing is written', async () => {
  const cache = newFolder();
  process.env['LRDIST_CACHE'] = cache;
  try {
    await load(false);
    assert.deepEqual(readdirSync(cache), []);
  } finally {
    delete process.env['LRDIST_CACHE'];
  }
});

test("a tokenizer's facts come from the cache; other files have others, changed ones are refused", async () => {
  const cache = newFolder();
  const folder = newFolder();
  const write = (words: string[]): void =>
    writeFileSync(join(folder, 'vocab.txt'), ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...words].join('\n'));
  write(['a', 'b']);
  const first = await openTokenizer(folder, { cache });
  const again = await openTokenizer(folder, { cache });
  const facts = (tokenizer: typeof first): unknown => JSON.parse(JSON.stringify(tokenizer));
  assert.deepEqual(facts(again), facts(first));
  assert.deepEqual(facts(again), facts(await openTokenizer(folder, { cache: false })));
  assert.deepEqual(await again.encodeTexts(['b a']), await first.encodeTexts(['b a']));

  const [entry] = readdirSync(cache);
  writeFileSync(
    join(cache, entry!),
    readFileSync(join(cache, entry!), 'utf8').replace('"vocabSize":7', '"vocabSize":8'),
  );
  assert.equal((await openTokenizer(folder, { cache })).vocabSize, 7);

  const early = await openTokenizer(folder, { cache });
  write(['b', 'a']);
  await assert.rejects(early.encodeTexts(['a']), { code: 'ERR_TOKENIZER', message: /changed while it was in use/ });
  assert.notEqual((await openTokenizer(folder, { cache })).fingerprint, first.fingerprint);
  rmSync(join(folder, 'vocab.txt'));
  await assert.rejects(openTokenizer(folder, { cache }), { code: 'ERR_TOKENIZER', message: /neither/ });
});
