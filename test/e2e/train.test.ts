import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { readHeader } from '../../lib/train/safetensors.ts';
import { jsonCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const data = join(work, 'glue');
const common = ['--model', model, '--task', 'sst2', '--data_dir', data, '--quiet'];
const out = (name: string): string => join(work, name);
const bytes = (folder: string): Promise<Buffer> => readFile(join(folder, 'model.safetensors'));
const read = async (...path: string[]): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(...path), 'utf8')) as Record<string, unknown>;

before(async () => {
  await writeTinyBert(model);
  await writeTinyGlue(data, { train: 120, validation: 30, test: 12 });
});

test('train, eval and predict', async () => {
  const trained = await jsonCli([
    'train',
    ...common,
    '--learning_rate',
    '1e-2',
    '--num_train_epochs',
    '8',
    '--warmup_ratio',
    '0.1',
    '--output_dir',
    out('first'),
    '--save_strategy',
    'no',
  ]);
  assert.equal(trained['steps'], 120);
  assert.equal(trained['train_samples'], 120);
  assert.ok((trained['eval_accuracy'] as number) > 0.9, `accuracy ${trained['eval_accuracy'] as number}`);
  const files = (await readdir(out('first'))).sort();
  const wanted = [
    'README.md',
    'all_results.json',
    'config.json',
    'eval_results.json',
    'lr_distribution.json',
    'model.safetensors',
    'train_results.json',
    'trainer_state.json',
    'training_args.json',
    'vocab.txt',
  ];
  assert.deepEqual(files, wanted);
  const config = await read(out('first'), 'config.json');
  assert.deepEqual(
    [config['architectures'], config['id2label'], config['problem_type'], config['finetuning_task']],
    [['BertForSequenceClassification'], { 0: 'negative', 1: 'positive' }, 'single_label_classification', 'sst2'],
  );
  assert.equal((await read(out('first'), 'all_results.json'))['eval_accuracy'], trained['eval_accuracy']);
  assert.match(await readFile(join(out('first'), 'README.md'), 'utf8'), /### Learning-rate distribution/);

  const evaluated = await jsonCli(['eval', '--model', out('first'), '--task', 'sst2', '--data_dir', data]);
  assert.equal(evaluated['eval_accuracy'], trained['eval_accuracy']);
  assert.equal(evaluated['eval_loss'], trained['eval_loss']);

  await jsonCli([
    'predict',
    '--model',
    out('first'),
    '--task',
    'sst2',
    '--data_dir',
    data,
    '--output_dir',
    out('predictions'),
  ]);
  const submission = (await readFile(join(out('predictions'), 'SST-2.tsv'), 'utf8')).trimEnd().split('\n');
  assert.equal(submission[0], 'index\tprediction');
  assert.equal(submission.length, 13);
  const sentences = (await readFile(join(data, 'SST-2', 'test.tsv'), 'utf8')).trimEnd().split('\n').slice(1);
  const right = sentences.map((line, i) => `${i}\t${/good|fine/.test(line) ? 1 : 0}`);
  const named = sentences.map((line, i) => `${i}\t${/good|fine/.test(line) ? 'positive' : 'negative'}`);
  const agreement = submission.slice(1).filter((line, i) => line === right[i]).length;
  assert.ok(agreement >= 11, `${agreement} of 12 predictions right`);
  const results = (await readFile(join(out('predictions'), 'predict_results_sst2.txt'), 'utf8'))
    .trimEnd()
    .split('\n')
    .slice(1);
  assert.equal(results.filter((line, i) => line === named[i]).length, agreement);
});

test('each replica equals the same job alone, and a constant table equals flat, bit for bit', async () => {
  const short = [...common, '--num_train_epochs', '1', '--save_strategy', 'no'];
  const constant = join(work, 'constant.rates.json');
  const groups = [
    { name: 'embeddings', match: 'bert.embeddings.*' },
    { name: 'first', match: 'bert.encoder.layer.0.*' },
    { name: 'rest', match: '*' },
  ];
  await writeFile(
    constant,
    JSON.stringify({
      format: 'lrdist-rates/1',
      name: 'constant',
      layers: 2,
      groups,
      rates: { embeddings: 3e-3, first: 3e-3, rest: 3e-3 },
    }),
  );
  const together = await jsonCli([
    'train',
    ...short,
    '--rates',
    `flat@3e-3,${constant},fast-head@1e-3`,
    '--output_dir',
    out('together'),
  ]);
  const folders = (together['replicas'] as { output_dir: string }[]).map((replica) => replica.output_dir);
  await jsonCli(['train', ...short, '--learning_rate', '3e-3', '--output_dir', out('alone')]);
  await jsonCli(['train', ...short, '--rates', 'fast-head@1e-3', '--output_dir', out('alone-fast')]);
  const alone = await bytes(out('alone'));
  assert.deepEqual(await bytes(folders[0]!), alone);
  assert.deepEqual(await bytes(folders[1]!), alone);
  assert.deepEqual(await bytes(folders[2]!), await bytes(out('alone-fast')));
  assert.notDeepEqual(await bytes(folders[2]!), alone);
});

test('a group at rate 0 keeps its bits', async () => {
  const frozen = join(work, 'frozen.rates.json');
  const groups = [
    { name: 'below', match: ['bert.embeddings.*', 'bert.encoder.layer.0.*'] },
    { name: 'rest', match: '*' },
  ];
  await writeFile(
    frozen,
    JSON.stringify({ format: 'lrdist-rates/1', name: 'frozen', layers: 2, groups, rates: { below: 0, rest: 1e-2 } }),
  );
  await jsonCli([
    'train',
    ...common,
    '--rates',
    frozen,
    '--weight_decay',
    '0.1',
    '--num_train_epochs',
    '1',
    '--save_strategy',
    'no',
    '--output_dir',
    out('frozen'),
  ]);
  const [before, after] = [
    await readHeader(join(model, 'model.safetensors')),
    await readHeader(join(out('frozen'), 'model.safetensors')),
  ];
  const [old, now] = [await bytes(model), await bytes(out('frozen'))];
  let kept = 0;
  for (const [name, entry] of before.tensors) {
    const then = old.subarray(entry.offset, entry.offset + entry.bytes);
    const later = after.tensors.get(name)!;
    const same = then.equals(now.subarray(later.offset, later.offset + later.bytes));
    const below = /embeddings|layer\.0\./.test(name);
    // A key's bias has no gradient: softmax does not see it.
    if (below) assert.ok(same, `${name} changed`);
    else if (!name.endsWith('key.bias')) assert.ok(!same, `${name} did not learn`);
    if (below) kept += 1;
  }
  assert.equal(kept, 21);
});

test('nothing is written without --output_dir, and --dry_run writes nothing either', async () => {
  const folder = temporaryFolder();
  const dry = await jsonCli(['train', ...common, '--dry_run', '--output_dir', join(folder, 'dry')]);
  assert.equal(dry['total_steps'], 45);
  assert.ok((dry['estimated_train_seconds'] as number) > 0);
  assert.ok(!existsSync(join(folder, 'dry')));
  await jsonCli(['train', ...common, '--max_steps', '2']);
});

test('the best model, early stopping and the limit on checkpoints', async () => {
  const args = [
    ...common,
    '--learning_rate',
    '1e-2',
    '--num_train_epochs',
    '30',
    '--eval_strategy',
    'epoch',
    '--save_strategy',
    'epoch',
    '--load_best_model_at_end',
    '--metric_for_best_model',
    'accuracy',
    '--early_stopping_patience',
    '2',
    '--save_total_limit',
    '2',
  ];
  const done = await jsonCli(['train', ...args, '--output_dir', out('best')]);
  assert.ok((done['steps'] as number) < 450, 'it stopped early');
  const state = await read(out('best'), 'trainer_state.json');
  const evaluations = (state['log_history'] as Record<string, number>[]).filter((entry) => 'eval_accuracy' in entry);
  const best = Math.max(...evaluations.map((entry) => entry['eval_accuracy']!));
  assert.equal(state['best_metric'], best);
  assert.equal(state['best_global_step'], evaluations.find((entry) => entry['eval_accuracy'] === best)!['step']);
  assert.equal(done['eval_accuracy'], best);
  const checkpoints = (await readdir(out('best'))).filter((name) => name.startsWith('checkpoint-'));
  assert.ok(
    checkpoints.length <= 2 && checkpoints.includes(`checkpoint-${state['best_global_step'] as number}`),
    checkpoints.join(),
  );
  assert.deepEqual(
    await weightsOnly(join(out('best'), `checkpoint-${state['best_global_step'] as number}`)),
    await weightsOnly(out('best')),
  );
});

test('a checkpoint is a model by itself, and the run goes on from it with the same bits', async () => {
  const args = [
    ...common,
    '--learning_rate',
    '5e-3',
    '--num_train_epochs',
    '3',
    '--weight_decay',
    '0.1',
    '--save_steps',
    '20',
    '--gradient_accumulation_steps',
    '2',
  ];
  const whole = await jsonCli(['train', ...args, '--output_dir', out('whole')]);
  assert.equal(whole['steps'], 24);
  const checkpoint = join(out('whole'), 'checkpoint-20');
  const evaluated = await jsonCli(['eval', '--model', checkpoint, '--task', 'sst2', '--data_dir', data]);
  assert.ok(Number.isFinite(evaluated['eval_loss']));
  await jsonCli(['train', ...args, '--output_dir', out('resumed'), '--resume_from_checkpoint', checkpoint]);
  assert.deepEqual(await bytes(out('resumed')), await bytes(out('whole')));
  const [one, other] = [
    await read(out('whole'), 'train_results.json'),
    await read(out('resumed'), 'train_results.json'),
  ];
  assert.equal(one['train_loss'], other['train_loss']);
});

async function weightsOnly(folder: string): Promise<Record<string, string>> {
  const [header, content] = [await readHeader(join(folder, 'model.safetensors')), await bytes(folder)];
  return Object.fromEntries(
    [...header.tensors]
      .filter(([name]) => !name.includes('/'))
      .map(([name, { offset, bytes: size }]) => [name, content.subarray(offset, offset + size).toString('base64')]),
  );
}
