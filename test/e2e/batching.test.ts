import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { jsonCli, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinySplit, writeTinyGlue } from '../helpers/tiny-task.ts';
import { tokenBatches, lengthsOf } from '../../lib/train/batching.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const data = join(work, 'glue');
const out = (name: string): string => join(work, name);
const budget = 64;
const job = (output: string, ...more: string[]): string[] =>
  ['train', '--model', model, '--task', 'sst2', '--data_dir', data, '--quiet', '--output_dir', output]
    .concat(['--num_train_epochs', '3', '--rates', 'flat@1e-3,flat@5e-4', '--logging_steps', '1'])
    .concat(more);
const grouped = ['--batch_tokens', String(budget), '--group_by_length', '--gradient_accumulation_steps', '2'];

before(async () => {
  await writeTinyBert(model);
  await writeTinyGlue(data, { train: 100, validation: 10 });
});

const replicas = ['flat@0.001', 'flat@5e-4'];
const weights = (folder: string, replica = replicas[0]!): Promise<Buffer> =>
  readFile(join(folder, replica, 'model.safetensors'));

interface State {
  readonly global_step: number;
  readonly max_steps: number;
  readonly log_history: readonly { readonly loss?: number }[];
}

async function stateOf(folder: string, replica: string): Promise<State> {
  return JSON.parse(await readFile(join(folder, replica, 'trainer_state.json'), 'utf8')) as State;
}

test('a token budget decides the steps; interrupted and resumed, a run ends with the same bits', async () => {
  const whole = await jsonCli(job(out('whole'), ...grouped));
  const batches = tokenBatches(lengthsOf([{ split: tinySplit(100, 7) }]), budget);
  const total = 3 * Math.ceil(batches / 2);
  assert.equal(whole['steps'], total);

  const folder = out('stopped');
  const middle = Math.floor(total / 2) + 1;
  await jsonCli(job(folder, ...grouped, '--save_steps', String(middle)));
  const begun = await jsonCli(
    job(out('resumed'), ...grouped, '--resume_from_checkpoint', join(folder, `checkpoint-${middle}`)),
  );
  assert.equal(begun['steps'], total);
  for (const replica of replicas) {
    assert.deepEqual(await weights(out('resumed'), replica), await weights(out('whole'), replica));
    assert.equal((await stateOf(out('whole'), replica)).max_steps, total);
  }
});

test('a replica of many sees the same token batches as alone', async () => {
  await jsonCli(job(out('pair'), ...grouped));
  await jsonCli(job(out('alone'), ...grouped, '--rates', 'flat@5e-4'));
  assert.deepEqual(await weights(out('pair'), replicas[1]), await weights(out('alone'), '.'));
});

test('a checkpoint does not go on under another budget or order', async () => {
  const folder = out('budget');
  await jsonCli(job(folder, ...grouped, '--save_steps', '3'));
  const from = ['--resume_from_checkpoint', join(folder, 'checkpoint-3')];
  const again = (...more: string[]) => runCli(job(out('other'), ...more, ...from));
  const { code, stderr } = await again('--batch_tokens', '80', '--gradient_accumulation_steps', '2');
  assert.equal(code, 1);
  assert.match(stderr, /batch_tokens: 64 in the checkpoint, 80 now/);
  assert.match(stderr, /sampling_strategy: group_by_length in the checkpoint, absent now/);
});

test('random order and rows by number are what they were without the options', async () => {
  const plain = job(out('plain'), '--per_device_train_batch_size', '16');
  await jsonCli(plain);
  await jsonCli(job(out('named'), '--per_device_train_batch_size', '16', '--train_sampling_strategy', 'random'));
  await jsonCli(job(out('grouped'), '--per_device_train_batch_size', '16', '--group_by_length'));
  assert.deepEqual(await weights(out('plain')), await weights(out('named')));
  assert.notDeepEqual(await weights(out('plain')), await weights(out('grouped')));
});

test('rows and tokens together are refused, and a budget below the longest row', async () => {
  const both = await runCli(job(out('both'), '--batch_tokens', '64', '--per_device_train_batch_size', '8'));
  assert.equal(both.code, 2);
  assert.match(both.stderr, /batch_tokens and per_device_train_batch_size are both given/);
  const small = await runCli(job(out('small'), '--batch_tokens', '6'));
  assert.equal(small.code, 2);
  assert.match(small.stderr, /cannot hold the longest row/);
});

test('a shift takes them in every stage', async () => {
  const common = ['shift', '--model', model, '--tasks', 'sst2', '--shift', 'length', '--data_dir', data, '--quiet'];
  const shift = (...more: string[]) => jsonCli([...common, '--rates', 'flat@1e-3', '--num_train_epochs', '1', ...more]);
  const record = await shift('--batch_tokens', '32', '--group_by_length');
  const [, training] = record['training'] as [unknown, Record<string, unknown>];
  assert.deepEqual(
    [training['batchTokens'], training['samplingStrategy'], training['batchSize']],
    [32, 'group_by_length', undefined],
  );
});
