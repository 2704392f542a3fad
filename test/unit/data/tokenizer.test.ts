import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeRows } from '../../../lib/data/dataset.ts';
import { openTokenizer } from '../../../lib/data/tokenizer.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';
import { digestTokens, firstSegments } from '../../helpers/tokens.ts';

interface Fixture {
  vocabulary: string[];
  sentences: string[];
  pairs: [number, number | null][];
  lengths: number[];
  cases: { settings: Record<string, unknown>; at32: [number[], number][]; sha256: string }[];
}

const fixture = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../parity/fixtures/tokenizer.json'), 'utf8'),
) as Fixture;
const rows = fixture.pairs.map(([a, b], id) => {
  const row = { a: fixture.sentences[a]!, label: NaN, id };
  return b === null ? row : { ...row, b: fixture.sentences[b]! };
});
const root = temporaryFolder();

function folderWith(name: string, files: Record<string, unknown>): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  for (const [file, value] of Object.entries(files)) {
    writeFileSync(join(folder, file), typeof value === 'string' ? value : JSON.stringify(value));
  }
  return folder;
}

const vocabText = `${fixture.vocabulary.join('\n')}\n`;

for (const [i, { settings, at32, sha256 }] of fixture.cases.entries()) {
  test(`ids of vocab.txt with ${JSON.stringify(settings)} equal transformers'`, async () => {
    const tokenizer = await openTokenizer(
      folderWith(`case${i}`, { 'vocab.txt': vocabText, 'tokenizer_config.json': settings }),
    );
    const parts = [];
    for (const maxLength of fixture.lengths) parts.push(await encodeRows(rows, tokenizer, { maxLength, cache: false }));
    const part = parts[fixture.lengths.indexOf(32)]!;
    const zeros = firstSegments(part);
    for (const [r, [ids, firstSegment]] of at32.entries()) {
      assert.deepEqual([...part.inputIds.subarray(part.offsets[r], part.offsets[r + 1])], ids, JSON.stringify(rows[r]));
      assert.equal(zeros[r], firstSegment);
    }
    assert.equal(digestTokens(parts), sha256);
  });
}

test('tokenizer.json gives the same ids, its own truncation and padding being ignored', async () => {
  const { fromVocabulary, config } = await savedTokenizer();
  config['truncation'] = { max_length: 7, strategy: 'LongestFirst', stride: 0, direction: 'Right' };
  config['padding'] = {
    strategy: { Fixed: 64 },
    direction: 'Right',
    pad_to_multiple_of: null,
    pad_id: 0,
    pad_type_id: 0,
    pad_token: '[PAD]',
  };
  const fromJson = await openTokenizer(folderWith('json', { 'tokenizer.json': config }));
  const options = { maxLength: 50, cache: false } as const;
  assert.equal(
    digestTokens([await encodeRows(rows, fromJson, options)]),
    digestTokens([await encodeRows(rows, fromVocabulary, options)]),
  );
});

test('tokenizer_config.json decides the normalizer of a BERT tokenizer, as in transformers', async () => {
  const { config } = await savedTokenizer();
  const cased = await openTokenizer(
    folderWith('cased', { 'tokenizer.json': config, 'tokenizer_config.json': { do_lower_case: false } }),
  );
  const whole = fixture.cases.find(
    ({ settings }) => settings['do_lower_case'] === false && settings['strip_accents'] === undefined,
  )!;
  const parts = [];
  for (const maxLength of fixture.lengths) parts.push(await encodeRows(rows, cased, { maxLength, cache: false }));
  assert.equal(digestTokens(parts), whole.sha256);
});

test('special tokens are found by their names in the settings', async () => {
  const vocabulary = vocabText.replace('[CLS]', '<s>').replace('[SEP]', '</s>');
  const folder = folderWith('named', {
    'vocab.txt': vocabulary,
    'special_tokens_map.json': { cls_token: '<s>', sep_token: { content: '</s>', lstrip: false } },
    'tokenizer_config.json': { model_max_length: 64 },
  });
  const tokenizer = await openTokenizer(folder, { maxPositions: 512 });
  assert.deepEqual(tokenizer.special, { pad: 0, unk: 2, cls: 3, sep: 4, mask: 5 });
  assert.deepEqual(tokenizer.specialIds, [0, 2, 3, 4, 5]);
  assert.equal(tokenizer.maxLength, 64);
  const { inputIds } = await encodeRows([{ a: 'the', b: 'a', label: 0, id: 0 }], tokenizer, { cache: false });
  assert.deepEqual([...inputIds], [3, fixture.vocabulary.indexOf('the'), 4, fixture.vocabulary.indexOf('a'), 4]);
});

test('added_tokens.json extends vocab.txt', async () => {
  const id = fixture.vocabulary.length;
  const folder = folderWith('added', { 'vocab.txt': vocabText, 'added_tokens.json': { '<user>': id } });
  const tokenizer = await openTokenizer(folder);
  assert.equal(tokenizer.vocabSize, id + 1);
  assert.deepEqual([...(await tokenizer.encodeTexts(['the <user>']))[0]!], [fixture.vocabulary.indexOf('the'), id]);
});

const failures: [string, Record<string, unknown>, RegExp][] = [
  ['no files', {}, /neither tokenizer.json nor vocab.txt/],
  ['a broken tokenizer.json', { 'tokenizer.json': '{"model":' }, /tokenizer.json is broken/],
  ['a tokenizer.json without a model', { 'tokenizer.json': { version: '1.0' } }, /tokenizer.json is broken/],
  [
    'an unknown kind of model',
    { 'tokenizer.json': { version: '1.0', model: { type: 'Nonsense' } } },
    /cannot be built/,
  ],
  [
    'a setting of the wrong type',
    { 'vocab.txt': vocabText, 'tokenizer_config.json': { do_lower_case: 'yes' } },
    /do_lower_case/,
  ],
  ['a vocabulary without [CLS]', { 'vocab.txt': 'the\n[UNK]\n[SEP]\n' }, /no token \[CLS\]/],
];
for (const [i, [what, files, message]] of failures.entries()) {
  test(`${what}: ERR_TOKENIZER`, async () => {
    await assert.rejects(openTokenizer(folderWith(`failure${i}`, files)), {
      name: 'LrdistError',
      code: 'ERR_TOKENIZER',
      message,
    });
  });
}

test('a vocabulary larger than the model: ERR_TOKENIZER', async () => {
  const folder = folderWith('large', { 'vocab.txt': vocabText });
  const size = fixture.vocabulary.length;
  assert.equal((await openTokenizer(folder, { vocabSize: size })).vocabSize, size);
  await assert.rejects(openTokenizer(folder, { vocabSize: size - 1 }), {
    code: 'ERR_TOKENIZER',
    message: new RegExp(`${size} ids.*${size - 1}`),
  });
});

test('a length without room for a token: ERR_INVALID_OPTION', async () => {
  const tokenizer = await openTokenizer(folderWith('short', { 'vocab.txt': vocabText }));
  for (const maxLength of [0, 3, 4.5, NaN]) {
    await assert.rejects(encodeRows(rows, tokenizer, { maxLength, cache: false }), { code: 'ERR_INVALID_OPTION' });
  }
});

/** The made-up tokenizer as a tokenizer.json. */
async function savedTokenizer() {
  const { readTokenizerFiles } = await import('../../../lib/data/tokenizer-files.ts');
  const { buildTokenizerJson } = await import('../../../lib/data/tokenizer-json.ts');
  const folder = folderWith('vocab', { 'vocab.txt': vocabText });
  const config = JSON.parse(buildTokenizerJson(await readTokenizerFiles(folder))) as Record<string, unknown>;
  return { config, fromVocabulary: await openTokenizer(folder) };
}
