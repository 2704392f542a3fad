import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTokenizer } from '../../../../lib/data/tokenizer.ts';
import { encodeText, maskingOf, readParagraphs } from '../../../../lib/forgetting/measure/index.ts';
import { paragraphsOf } from '../../../../lib/forgetting/measure/text.ts';
import { dataFolder } from '../../../helpers/data.ts';
import { temporaryFolder } from '../../../helpers/temporary.ts';
import { tinyWords } from '../../../helpers/tiny-bert.ts';

async function tokenizer() {
  const folder = join(temporaryFolder(), 'model');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'vocab.txt'), `${tinyWords.join('\n')}\n`);
  return openTokenizer(folder);
}

test('paragraphs: no headings, no blank lines, the signs of WikiText undone', () => {
  const text = ' \n = A film = \r\n \n the <unk> film was 3 @.@ 5 very @-@ good \r\n = = b = = \n a = b \n';
  assert.deepEqual(paragraphsOf(text), ['the [UNK] film was 3.5 very-good', 'a = b']);
});

test('text is joined, cut into rows of one length and set between the special tokens', async () => {
  const rows = await encodeText(['a b c', 'd good [UNK] bad', 'the film'], await tokenizer(), { maxLength: 5 });
  assert.deepEqual(rows.inputIds, Int32Array.of(2, 5, 6, 7, 3, 2, 8, 9, 1, 3, 2, 10, 13, 14, 3));
  assert.deepEqual(rows.offsets, Int32Array.of(0, 5, 10, 15));
  assert.equal(rows.typeIds.length, 15);
  assert.ok(rows.labels.every(Number.isNaN));
  const less = await encodeText(['a b c', 'd good bad fine the film'], await tokenizer(), { maxLength: 6, maxRows: 1 });
  assert.deepEqual(less.inputIds, Int32Array.of(2, 5, 6, 7, 8, 3), 'maxRows; the rest is dropped');
});

test('text too short, rows too short, a vocabulary without a mask', async () => {
  const tiny = await tokenizer();
  await assert.rejects(encodeText(['a b'], tiny, { maxLength: 8 }), {
    code: 'ERR_INVALID_OPTION',
    message: /2 tokens/,
  });
  await assert.rejects(encodeText(['a b'], tiny, { maxLength: 2 }), { code: 'ERR_INVALID_OPTION', message: /no room/ });
  assert.deepEqual(maskingOf(tiny), { probability: 0.15, maskId: 4, special: Int32Array.of(0, 1, 2, 3, 4) });
  assert.throws(() => maskingOf({ ...tiny, special: {} }), { code: 'ERR_TOKENIZER' });
});

const data = dataFolder();
test('WikiText-2', { skip: data === undefined ? 'no data folder' : false }, async () => {
  const paragraphs = await readParagraphs(join(data!, 'wikitext-2', 'valid.txt'));
  assert.ok(paragraphs.length > 1800 && paragraphs.every((text) => !/<unk>| @[-.,]@ |^=/.test(text)));
  const real = await openTokenizer(join(data!, 'models', 'bert-tiny-uncased-mlm'));
  const rows = await encodeText(paragraphs.slice(0, 60), real, { maxRows: 20 });
  assert.equal(rows.offsets.length, 21);
  assert.equal(rows.inputIds.filter((id) => id === 101).length, 20);
  // "Homarus gammarus , known as the ..." begins with word pieces of homarus, then gamma ##rus.
  assert.equal(rows.inputIds[0], 101);
  assert.equal(rows.inputIds[127], 102);
  const unknown = rows.inputIds.filter((id) => id === 100).length;
  assert.ok(unknown > 10 && unknown < 200, `${unknown} unknown tokens`);
});
