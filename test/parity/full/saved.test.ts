import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeRows } from '../../../lib/data/dataset.ts';
import { glueTasks } from '../../../lib/data/glue.ts';
import { loadGlue } from '../../../lib/data/load.ts';
import { openTokenizer } from '../../../lib/data/tokenizer.ts';
import { openModel } from '../../../lib/train/open.ts';
import { dataFolder } from '../../helpers/data.ts';
import { assertWithin, largestDifference } from '../helpers/compare.ts';
import { tolerances } from '../helpers/tolerances.ts';
import { askTransformers, whyNot } from '../helpers/transformers.ts';

const data = dataFolder();
const skip = whyNot(data);
const cli = join(import.meta.dirname, '..', '..', '..', 'lib', 'cli', 'cli.ts');

for (const [name, task] of [
  ['mrpc', glueTasks.mrpc],
  ['stsb', glueTasks.stsb],
] as const) {
  test(`a folder that lrdist train wrote loads in transformers and predicts the same (${name})`, {
    skip,
  }, async (t) => {
    const output = mkdtempSync(join(tmpdir(), 'lrdist-parity-'));
    t.after(() => rmSync(output, { recursive: true }));
    const glue = join(data!, 'glue');
    execFileSync(
      process.execPath,
      [
        cli,
        'train',
        '--model',
        join(data!, 'models', 'bert-tiny-uncased-mlm'),
        '--task',
        name,
        '--data_dir',
        glue,
        '--learning_rate',
        '3e-4',
        '--max_steps',
        '40',
        '--per_device_train_batch_size',
        '32',
        '--threads',
        '1',
        '--output_dir',
        output,
        '--overwrite_output_dir',
        '--json',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );

    const { rows } = await loadGlue(glue, task, 'validation');
    const answer = askTransformers(output, 128, { [name]: rows.map(({ a, b }) => [a, b!]) });
    assert.deepEqual(answer.loading, { missing_keys: [], unexpected_keys: [], mismatched_keys: [] });

    await using model = await openModel({ path: output, tasks: [task], threads: 1 });
    const encoded = await encodeRows(rows, await openTokenizer(output), { maxLength: 128, cache: false });
    const [logits] = await model.predict(encoded, { head: name });
    const theirs = answer.tasks[name]!.logits;
    const difference = largestDifference(logits!, theirs.flat());
    t.diagnostic(`${rows.length} rows, largest difference ${difference.toExponential(2)}`);
    assertWithin('logits', difference, tolerances.realLogits);
    if (task.labels === null) return;
    const best = (values: ArrayLike<number>) => (values[1]! > values[0]! ? 1 : 0);
    const own = rows.map((_, row) => best(logits!.subarray(2 * row, 2 * row + 2)));
    // Rows whose two logits all but tie may fall either way.
    const clear = theirs.map(([a, b]) => Math.abs(a! - b!) > 2 * tolerances.realLogits);
    assert.ok(own.every((prediction, row) => !clear[row] || prediction === best(theirs[row]!)));
  });
}
