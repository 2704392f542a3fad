import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { loadNative } from '../../lib/native/load.ts';
import { jsonCli, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { writeTinyGlue } from '../helpers/tiny-task.ts';

const skip = loadNative().info().bf16 ? false : 'this processor does not compute in bfloat16';
const work = temporaryFolder();
const model = join(work, 'model');
const data = join(work, 'glue');
const out = (name: string): string => join(work, name);
const job = (output: string, ...more: string[]): string[] =>
  ['train', '--model', model, '--task', 'sst2', '--data_dir', data, '--quiet', '--output_dir', output]
    .concat(['--num_train_epochs', '2', '--learning_rate', '1e-3', '--per_device_train_batch_size', '8'])
    .concat(more);
const weights = (folder: string): Promise<Buffer> => readFile(join(folder, 'model.safetensors'));

before(async () => {
  await writeTinyBert(model);
  await writeTinyGlue(data, { train: 64, validation: 16 });
});

test('a run in bfloat16 is another run than in fp32, goes on in bfloat16, and saves fp32', { skip }, async () => {
  const low = await jsonCli(job(out('low'), '--bf16', '--save_steps', '6'));
  const full = await jsonCli(job(out('full')));
  assert.notDeepEqual(await weights(out('low')), await weights(out('full')));
  assert.ok(Math.abs(Number(low['train_loss']) / Number(full['train_loss']) - 1) < 0.01);
  assert.equal((await weights(out('low'))).length, (await weights(out('full'))).length);

  const from = ['--resume_from_checkpoint', join(out('low'), 'checkpoint-6')];
  await jsonCli(job(out('resumed'), ...from));
  assert.deepEqual(await weights(out('resumed')), await weights(out('low')));
  const other = await runCli(job(out('other'), ...from, '--no-bf16'));
  assert.equal(other.code, 1);
  assert.match(other.stderr, /precision: bf16 in the checkpoint, fp32 now/);
});

test('evaluation takes it too', { skip }, async () => {
  const evaluate = (...more: string[]) =>
    jsonCli(['eval', '--model', out('full'), '--task', 'sst2', '--data_dir', data, '--quiet', ...more]);
  const [low, full] = [await evaluate('--bf16'), await evaluate()];
  assert.notEqual(low['eval_loss'], full['eval_loss']);
  assert.ok(Math.abs(Number(low['eval_loss']) / Number(full['eval_loss']) - 1) < 0.01);
});

test('fp16 is not there', async () => {
  const { code, stderr } = await runCli(job(out('half'), '--fp16'));
  assert.equal(code, 2);
  assert.match(stderr, /--fp16 is not supported: half precision is bfloat16 here/);
});
