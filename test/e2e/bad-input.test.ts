import assert from 'node:assert/strict';
import { chmod, cp, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { tinyConfig, tinyWeights, writeTinyBert } from '../helpers/tiny-bert.ts';
import { writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const data = join(work, 'glue');

before(async () => {
  await writeTinyBert(model);
  await writeTinyGlue(data);
});

/** Runs `train` with these changes and checks the error's exit code, code and text; nothing may be left in the output folder. */
async function refused(
  changes: { model?: string; data?: string; more?: readonly string[] },
  wanted: { code: string; exit?: number; message?: RegExp; remedy?: RegExp },
): Promise<void> {
  const output = join(temporaryFolder(), 'out');
  const args = [
    'train',
    '--model',
    changes.model ?? model,
    '--task',
    'sst2',
    '--data_dir',
    changes.data ?? data,
    '--output_dir',
    output,
    '--json',
    ...(changes.more ?? []),
  ];
  const { code, stdout, stderr } = await runCli(args);
  assert.equal(code, wanted.exit ?? 1, `${stdout}${stderr}`);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; remedy?: string } };
  assert.equal(error.code, wanted.code, stdout);
  if (wanted.message !== undefined) assert.match(error.message, wanted.message);
  if (wanted.remedy !== undefined) assert.match(error.remedy ?? '', wanted.remedy);
  assert.deepEqual(await readdir(output).catch(() => []), []);
}

async function changed(change: (folder: string) => Promise<void>, source = model): Promise<string> {
  const folder = join(temporaryFolder(), 'copy');
  await cp(source, folder, { recursive: true });
  await change(folder);
  return folder;
}

test('options', async () => {
  const usage = (more: readonly string[], code: string, message: RegExp, remedy?: RegExp): Promise<void> =>
    refused({ more }, { code, exit: 2, message, ...(remedy === undefined ? {} : { remedy }) });
  await usage(['--learning_rat', '1e-3'], 'ERR_UNKNOWN_OPTION', /--learning_rat/, /--learning_rate/);
  await usage(['--learning_rate', 'NaN'], 'ERR_INVALID_OPTION', /learning_rate/);
  await usage(['--learning_rate=-1e-3'], 'ERR_INVALID_OPTION', /learning_rate/);
  await usage(['--rates', 'flat@inf'], 'ERR_INVALID_OPTION', /rates/);
  await usage(['--rates', 'fast-haed'], 'ERR_INVALID_OPTION', /fast-haed/, /fast-head/);
  await usage(['--num_train_epochs', '0'], 'ERR_INVALID_OPTION', /num_train_epochs/);
  await usage(['--per_device_train_batch_size', '2.5'], 'ERR_INVALID_OPTION', /per_device_train_batch_size/);
  await usage(['--load_best_model_at_end'], 'ERR_INVALID_OPTION', /load_best_model_at_end/, /--eval_strategy/);
  await usage(['--fp16'], 'ERR_INVALID_OPTION', /fp16/);
  await usage(['--task', 'mrcp'], 'ERR_INVALID_OPTION', /mrcp/, /mrpc/);
  await usage(['--max_train_samples', '0'], 'ERR_INVALID_OPTION', /max_train_samples/);
  await usage(
    [
      '--eval_strategy',
      'epoch',
      '--save_strategy',
      'epoch',
      '--load_best_model_at_end',
      '--metric_for_best_model',
      'acuracy',
      '--num_train_epochs',
      '1',
    ],
    'ERR_INVALID_OPTION',
    /acuracy/,
    /accuracy/,
  );
});

test('model folders', async () => {
  const weights = (folder: string): string => join(folder, 'model.safetensors');
  await refused({ model: join(work, 'nowhere', 'none') }, { code: 'ERR_MODEL_NOT_FOUND' });
  await refused(
    { model: await changed((folder) => truncate(weights(folder), 5000)) },
    { code: 'ERR_SAFETENSORS', message: /ends at byte/ },
  );
  await refused(
    { model: await changed((folder) => truncate(weights(folder), 0)) },
    { code: 'ERR_SAFETENSORS', message: /too short/ },
  );
  await refused(
    {
      model: await changed(async (folder) =>
        writeFile(weights(folder), tinyWeights({ rename: (name) => (name.includes('layer.0') ? undefined : name) })),
      ),
    },
    { code: 'ERR_TENSOR_MISSING', message: /lacks 16 tensors/ },
  );
  await refused(
    { model: await changed(async (folder) => writeFile(weights(folder), tinyWeights({ hidden: 32 }))) },
    { code: 'ERR_TENSOR_SHAPE', message: /\[20, 32\]/ },
  );
  await refused(
    {
      model: await changed(async (folder) =>
        writeFile(join(folder, 'config.json'), JSON.stringify(tinyConfig({ config: { model_type: 'roberta' } }))),
      ),
    },
    { code: 'ERR_MODEL_UNSUPPORTED', message: /roberta/ },
  );
});

test('data files', async () => {
  const train = (folder: string): string => join(folder, 'SST-2', 'train.tsv');
  const lines = async (folder: string, change: (text: string) => string): Promise<void> =>
    writeFile(train(folder), change(await readFile(train(folder), 'utf8')));
  await refused({ data: join(work, 'nowhere') }, { code: 'ERR_DATA_NOT_FOUND' });
  await refused({ data: await changed((folder) => writeFile(train(folder), ''), data) }, { code: 'ERR_DATA_INVALID' });
  await refused(
    { data: await changed((folder) => lines(folder, (text) => text.replace(/\t[01]\n/, '\n')), data) },
    { code: 'ERR_DATA_INVALID' },
  );
  await refused(
    { data: await changed((folder) => lines(folder, (text) => text.replace(/\t[01]\n/, '\t7\n')), data) },
    { code: 'ERR_LABEL_UNKNOWN', message: /7/ },
  );
});

test('a folder that cannot be written to is found before training', async (t) => {
  if (process.getuid?.() === 0) {
    // Root may write anywhere; a file in the folder's place stops root too.
    await writeFile(join(work, 'file'), '');
    const { code, stderr } = await runCli([
      'train',
      '--model',
      model,
      '--task',
      'sst2',
      '--data_dir',
      data,
      '--output_dir',
      join(work, 'file', 'out'),
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /ERR_WRITE/);
    t.diagnostic('as root: tried a file in the place of the folder');
    return;
  }
  const folder = join(work, 'read-only');
  await mkdir(folder);
  await chmod(folder, 0o555);
  const { code, stderr } = await runCli([
    'train',
    '--model',
    model,
    '--task',
    'sst2',
    '--data_dir',
    data,
    '--output_dir',
    folder,
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /ERR_WRITE[^]*|could not be written/);
  await chmod(folder, 0o755);
});

test('eval and predict need a trained classifier and labelled rows', async () => {
  const evaluate = await runCli(['eval', '--model', model, '--task', 'sst2', '--data_dir', data]);
  assert.equal(evaluate.code, 1);
  assert.match(evaluate.stderr, /no classifier for task sst2[^]*lrdist train[^]*ERR_TENSOR_MISSING/);
  const unlabelled = await runCli(['eval', '--model', model, '--task', 'sst2', '--data_dir', data, '--split', 'test']);
  assert.match(unlabelled.stderr, /no labels[^]*lrdist predict/);
  const nowhere = await runCli(['predict', '--model', model, '--task', 'sst2', '--data_dir', data]);
  assert.equal(nowhere.code, 2);
});

test('options without effect are accepted and said to be', async () => {
  const { code, stderr } = await runCli([
    'train',
    '--model',
    model,
    '--task',
    'sst2',
    '--data_dir',
    data,
    '--max_steps',
    '1',
    '--pad_to_max_length',
    'false',
    '--report_to',
    'none',
    '--do_train',
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /--pad_to_max_length has no effect: rows are packed/);
});
