// Every program in examples/, as a user starts it, on a tiny model and tiny tasks.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyRows, writeTinyGlue } from '../helpers/tiny-task.ts';

const examples = join(import.meta.dirname, '..', '..', 'examples');
const work = temporaryFolder();
const model = join(work, 'model');
const glue = join(work, 'glue');

before(async () => {
  await writeTinyBert(model);
  await writeTinyGlue(glue);
  await writePairs('QNLI', ['question', 'sentence', 'label'], ['not_entailment', 'entailment']);
  await writePairs('MNLI', ['sentence1', 'sentence2', 'gold_label'], ['neutral', 'entailment']);
  await writePairs('MRPC', ['#1 String', '#2 String', 'Quality'], ['0', '1']);
});

/** Pairs of sentences in GLUE's files, the label by the first sentence. */
async function writePairs(folder: string, columns: readonly string[], labels: readonly string[]): Promise<void> {
  await mkdir(join(glue, folder));
  const files = folder === 'MNLI' ? ['train', 'dev_matched', 'dev_mismatched'] : ['train', 'dev'];
  for (const [seed, file] of files.entries()) {
    const count = file === 'train' ? 40 : 20;
    const others = tinyRows(count, seed + 10);
    const rows = tinyRows(count, seed).map(({ text, label }, i) => [text, others[i]!.text, labels[label]!]);
    const lines = [columns, ...rows].map((row) => `${row.join('\t')}\n`);
    await writeFile(join(glue, folder, `${file}.tsv`), lines.join(''));
  }
}

/** Arguments that keep it short, what it must print, and a file that it writes. */
const runs: Readonly<
  Record<string, { readonly arguments: readonly string[]; readonly prints: RegExp; readonly writes?: string }>
> = {
  'own-rates.ts': {
    arguments: [model, 'own.rates.json'],
    prints: /^attention \d+ tensors$/m,
    writes: 'own.rates.json',
  },
  'search.ts': { arguments: ['study.db', '12'], prints: /^best \d+ \[/m },
  'search-pair.ts': {
    arguments: [model, glue, '3', '24'],
    prints: /lr_heads: [\d.e-]+\n\} \[ [\d.]+ \]/,
    writes: 'trials.csv',
  },
  'sequence.ts': { arguments: [model, glue, '24', '1'], prints: /^fast-head@1e-4 \+ replay@0\.05 ACC 0\.\d+ BWT /m },
  'shift.ts': { arguments: [model, glue, '24', '2'], prints: /^fast-head@1e-4 kept 0\.\d+ learned 0\.\d+$/m },
  'train-mrpc.ts': {
    arguments: [model, glue, 'trained', '1'],
    prints: /is a Hugging Face folder/,
    writes: 'trained/model.safetensors',
  },
};

test('every example is run here', () => {
  assert.deepEqual(
    readdirSync(examples)
      .filter((file) => file.endsWith('.ts'))
      .sort(),
    Object.keys(runs).sort(),
  );
});

for (const [file, { arguments: given, prints, writes }] of Object.entries(runs)) {
  test(`examples/${file}`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(examples, file), ...given], {
      cwd: work,
      encoding: 'utf8',
      env: { ...process.env, LRDIST_THREADS: '1' },
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, prints);
    if (writes !== undefined) assert.ok(existsSync(join(work, writes)));
    const without = spawnSync(process.execPath, [join(examples, file)], { cwd: work, encoding: 'utf8' });
    if (given[0] === model) assert.match(without.stderr, /Error: expected/);
  });
}
