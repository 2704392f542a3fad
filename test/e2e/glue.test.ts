import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { submission } from '../../lib/cli/training/predictions.ts';
import { jsonCli, runCli } from '../helpers/cli.ts';
import { dataFolder } from '../helpers/data.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyRows } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = await writeTinyBert(join(work, 'model'), { config: { max_position_embeddings: 64 } });
const real = dataFolder();
const glue = real === undefined ? '' : join(real, 'glue');

const metrics: Record<string, string[]> = {
  cola: ['matthews_correlation'],
  sst2: ['accuracy'],
  mrpc: ['accuracy', 'f1', 'combined_score'],
  stsb: ['pearson', 'spearmanr', 'combined_score'],
  qqp: ['accuracy', 'f1', 'combined_score'],
  mnli: ['accuracy'],
  qnli: ['accuracy'],
  rte: ['accuracy'],
  wnli: ['accuracy'],
};

test('every GLUE task trains and is scored by its own metrics', {
  skip: real === undefined ? 'no GLUE data: set LRDIST_DATA' : false,
}, async () => {
  const small = [
    '--max_steps',
    '2',
    '--max_train_samples',
    '16',
    '--max_eval_samples',
    '16',
    '--max_seq_length',
    '64',
    '--save_strategy',
    'no',
    '--quiet',
  ];
  for (const [task, names] of Object.entries(metrics)) {
    const output = join(work, task);
    const result = await jsonCli([
      'train',
      '--model',
      model,
      '--task',
      task,
      '--data_dir',
      glue,
      '--output_dir',
      output,
      ...small,
    ]);
    const keys = Object.keys(result).filter(
      (key) => key.startsWith('eval_') && !/runtime|samples|per_second/.test(key),
    );
    const wanted = [...names, 'loss'].flatMap((name) =>
      task === 'mnli' ? [`eval_${name}`, `eval_${name}_mm`] : [`eval_${name}`],
    );
    assert.deepEqual(keys.sort(), wanted.sort(), task);
    const config = JSON.parse(await readFile(join(output, 'config.json'), 'utf8')) as {
      problem_type: string;
      id2label: Record<string, string>;
    };
    assert.deepEqual(
      [config.problem_type, Object.keys(config.id2label).length],
      task === 'stsb' ? ['regression', 1] : ['single_label_classification', task === 'mnli' ? 3 : 2],
      task,
    );
  }
  // The MNLI model predicts the diagnostic set.
  const { code, stderr } = await runCli([
    'predict',
    '--model',
    join(work, 'mnli'),
    '--task',
    'ax',
    '--data_dir',
    glue,
    '--output_dir',
    join(work, 'ax'),
    '--max_seq_length',
    '64',
    '--max_predict_samples',
    '5',
  ]);
  assert.equal(code, 0, stderr);
  const lines = (await readFile(join(work, 'ax', 'AX.tsv'), 'utf8')).trimEnd().split('\n');
  assert.equal(lines.length, 6);
  assert.match(lines[1]!, /^0\t(entailment|neutral|contradiction)$/);
});

test('own files, whose labels the trained model keeps', async () => {
  const csv = (count: number, seed: number, labelled = true): string =>
    `text${labelled ? ',label' : ''}\n${tinyRows(count, seed)
      .map(({ text, label }) => `"${text}"${labelled ? `,${label === 1 ? 'up' : 'down'}` : ''}\n`)
      .join('')}`;
  await writeFile(join(work, 'train.csv'), csv(80, 1));
  await writeFile(join(work, 'dev.csv'), csv(20, 2));
  await writeFile(join(work, 'new.csv'), csv(6, 3, false));
  const output = join(work, 'own');
  const files = ['--train_file', join(work, 'train.csv'), '--validation_file', join(work, 'dev.csv')];
  const trained = await jsonCli([
    'train',
    '--model',
    model,
    ...files,
    '--learning_rate',
    '1e-2',
    '--num_train_epochs',
    '10',
    '--output_dir',
    output,
    '--save_strategy',
    'no',
    '--quiet',
  ]);
  assert.ok((trained['eval_accuracy'] as number) > 0.9, String(trained['eval_accuracy']));
  const evaluated = await jsonCli(['eval', '--model', output, '--validation_file', join(work, 'dev.csv')]);
  assert.equal(evaluated['eval_accuracy'], trained['eval_accuracy']);
  await jsonCli([
    'predict',
    '--model',
    output,
    '--test_file',
    join(work, 'new.csv'),
    '--output_dir',
    join(work, 'own-predictions'),
  ]);
  const lines = (await readFile(join(work, 'own-predictions', 'predict_results_custom.txt'), 'utf8'))
    .trimEnd()
    .split('\n');
  assert.equal(lines.length, 7);
  assert.ok(
    lines.slice(1).every((line) => /^\d\t(up|down)$/.test(line)),
    lines.join(),
  );
});

test("submissions are as GLUE's server reads them", () => {
  const lines = (task: string, labels: readonly string[] | null, values: number[], name = task): string[] =>
    submission(
      { name: task, labels },
      name,
      Float32Array.from(values),
      Int32Array.from(values, (_, i) => 10 + i),
    )
      .trimEnd()
      .split('\n');
  assert.deepEqual(lines('cola', ['unacceptable', 'acceptable'], [0, 1]), ['index\tprediction', '10\t0', '11\t1']);
  assert.deepEqual(lines('rte', ['entailment', 'not_entailment'], [1, 0]), [
    'index\tprediction',
    '10\tnot_entailment',
    '11\tentailment',
  ]);
  assert.deepEqual(lines('mnli', ['entailment', 'neutral', 'contradiction'], [2], 'mnli-mm'), [
    'index\tprediction',
    '10\tcontradiction',
  ]);
  assert.deepEqual(lines('stsb', null, [-0.2, 2.34567, 5.5]), [
    'index\tprediction',
    '10\t0.000',
    '11\t2.346',
    '12\t5.000',
  ]);
});

test('own files with columns named on the command line', async () => {
  const columns = (rows: ReturnType<typeof tinyRows>): string =>
    `note,review,score\n${rows.map(({ text, label }) => `"${text.split(' ')[0]}","${text}",${label === 1 ? 2.5 : -1.5}\n`).join('')}`;
  await writeFile(join(work, 'scores.csv'), columns(tinyRows(60, 4)));
  const files = ['--train_file', join(work, 'scores.csv'), '--validation_file', join(work, 'scores.csv')];
  const shape = [
    '--text_column_names',
    'review',
    '--label_column_name',
    'score',
    '--do_regression',
    '--max_steps',
    '2',
    '--quiet',
  ];
  const trained = await jsonCli(['train', '--model', model, ...files, ...shape]);
  assert.equal(typeof trained['eval_mse'], 'number');
  const wrong = await runCli(['train', '--model', model, ...files, '--label_column_name', 'stars', '--json']);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /stars/);
  const glue = await runCli([
    'train',
    '--model',
    model,
    '--task',
    'sst2',
    '--data_dir',
    work,
    '--label_column_name',
    'score',
    '--json',
  ]);
  assert.match(glue.stdout, /ERR_INVALID_OPTION/);
});
