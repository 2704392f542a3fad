import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeRows } from '../../../lib/data/dataset.ts';
import { glueNames, glueTasks } from '../../../lib/data/glue.ts';
import { loadGlue } from '../../../lib/data/load.ts';
import { openTokenizer } from '../../../lib/data/tokenizer.ts';
import { openModel } from '../../../lib/train/open.ts';
import { dataFolder } from '../../helpers/data.ts';
import { assertWithin, largestDifference } from '../helpers/compare.ts';
import { tolerances } from '../helpers/tolerances.ts';
import { askTransformers, whyNot } from '../helpers/transformers.ts';

const data = dataFolder();
const skip = whyNot(data);
const rowsOfEach = 200;
const maxLength = 128;

for (const name of ['minilm-l6-h384-uncased', 'bert-tiny-uncased-mlm']) {
  test(`${name}: token ids and logits of real rows of every task are transformers'`, { skip }, async (t) => {
    const folder = join(data!, 'models', name);
    const saved = mkdtempSync(join(tmpdir(), 'lrdist-parity-'));
    t.after(() => rmSync(saved, { recursive: true }));

    // Both checkpoints lack a classifier (one its pooler too). Wide fresh ones make logits of order one; saving them makes both sides read the same.
    await using model = await openModel({
      path: folder,
      heads: [{ name: 'main', labels: ['a', 'b', 'c'] }],
      threads: 1,
      seed: 5,
    });
    const fresh = [...model.parameters.entries()]
      .filter(([, p]) => p.name.startsWith('classifier.') && p.name.endsWith('.weight'))
      .map(([index]) => index);
    assert.equal(fresh.length, 1);
    await model.session.initialize(Int32Array.from(fresh), 0.2, 7);
    await model.save(saved, { head: 'main' });
    for (const file of ['tokenizer.json', 'tokenizer_config.json', 'vocab.txt']) {
      if (existsSync(join(folder, file)) && !existsSync(join(saved, file)))
        copyFileSync(join(folder, file), join(saved, file));
    }

    const tokenizer = await openTokenizer(folder);
    const texts: Record<string, string[][]> = {};
    const own: Record<string, { ids: Int32Array; offsets: Int32Array; logits: Float32Array }> = {};
    for (const task of glueNames) {
      const split = task === 'ax' ? 'test' : task === 'mnli' ? 'validation_matched' : 'validation';
      const rows = (await loadGlue(join(data!, 'glue'), glueTasks[task], split)).rows.slice(0, rowsOfEach);
      assert.ok(rows.length > 0);
      texts[task] = rows.map(({ a, b }) => (b === undefined ? [a] : [a, b]));
      const encoded = await encodeRows(rows, tokenizer, { maxLength, cache: false });
      const [logits] = await model.predict(encoded, { head: 'main', batchTokens: 1024 });
      own[task] = { ids: encoded.inputIds, offsets: encoded.offsets, logits: logits! };
    }

    const answer = askTransformers(saved, maxLength, texts);
    assert.deepEqual(answer.loading, { missing_keys: [], unexpected_keys: [], mismatched_keys: [] });
    for (const [task, { ids, offsets, logits }] of Object.entries(own)) {
      const theirs = answer.tasks[task]!;
      assert.deepEqual(
        theirs.ids,
        theirs.ids.map((_, row) => [...ids.subarray(offsets[row], offsets[row + 1])]),
        `token ids of ${task}`,
      );
      const difference = largestDifference(logits, theirs.logits.flat());
      t.diagnostic(`${task}: ${theirs.logits.length} rows, largest difference ${difference.toExponential(2)}`);
      assertWithin(`logits of ${task}`, difference, tolerances.realLogits);
    }
  });
}
