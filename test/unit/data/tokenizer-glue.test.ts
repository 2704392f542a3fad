import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeRows } from '../../../lib/data/dataset.ts';
import { glueTask } from '../../../lib/data/glue.ts';
import { loadGlue } from '../../../lib/data/load.ts';
import { openTokenizer } from '../../../lib/data/tokenizer.ts';
import { dataFolder } from '../../helpers/data.ts';
import { digestTokens } from '../../helpers/tokens.ts';

interface Entry {
  model: string;
  task: string;
  split: string;
  length: number;
  rows: number;
  tokens: number;
  sha256: string;
}
const fixture = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../parity/fixtures/tokenizer-glue.json'), 'utf8'),
) as { splits: Entry[] };
const data = dataFolder();
const skip = data === undefined && 'no real data here';
// The large splits take minutes; they are part of `npm run test:full`.
const full = process.env['LRDIST_TEST_FULL'] === '1';

for (const model of new Set(fixture.splits.map((entry) => entry.model))) {
  const entries = fixture.splits.filter((entry) => entry.model === model && (full || entry.rows < 3000));
  test(`${model}: ids of ${entries.length} GLUE splits equal transformers'`, { skip }, async () => {
    assert.ok(entries.length >= 20);
    const tokenizer = await openTokenizer(join(data!, 'models', model), { vocabSize: 30522, maxPositions: 512 });
    for (const { task, split, length, rows: count, tokens, sha256 } of entries) {
      const { rows, skipped } = await loadGlue(join(data!, 'glue'), glueTask(task), split);
      const encoded = await encodeRows(rows, tokenizer, { maxLength: length, cache: false });
      assert.deepEqual(
        { rows: rows.length, skipped, tokens: encoded.inputIds.length, sha256: digestTokens([encoded]) },
        { rows: count, skipped: 0, tokens, sha256 },
        `${task} ${split} at ${length}`,
      );
    }
  });
}
