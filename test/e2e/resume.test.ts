import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CliProcess, jsonCli, runCli, startCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const data = join(work, 'glue');
const out = (name: string): string => join(work, name);
// Long enough that a kill finds it at work, with checkpoints in the middle of epochs.
const job = (output: string, ...more: string[]): string[] => [
  ...[
    'train',
    '--model',
    model,
    '--task',
    'sst2',
    '--data_dir',
    data,
    '--quiet',
    '--output_dir',
    output,
    '--rates',
    'flat@2e-3,fast-head@5e-4',
    '--weight_decay',
    '0.01',
  ],
  ...[
    '--num_train_epochs',
    '40',
    '--save_steps',
    '37',
    '--logging_steps',
    '20',
    '--eval_strategy',
    'epoch',
    '--warmup_ratio',
    '0.1',
    ...more,
  ],
];

before(async () => {
  await writeTinyBert(model);
  await writeTinyGlue(data, { train: 200, validation: 20 });
  await jsonCli(job(out('whole')));
});

const checkpoints = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [] as string[])).filter((name) => /^checkpoint-\d+$/.test(name));

/** Weights, and the log without its times, of every replica. */
async function outcome(folder: string): Promise<unknown[]> {
  const replicas = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && entry.name.includes('@'))
    .map((entry) => join(folder, entry.name));
  assert.equal(replicas.length, 2);
  return Promise.all(
    replicas.sort().map(async (replica) => {
      const state = JSON.parse(await readFile(join(replica, 'trainer_state.json'), 'utf8')) as {
        log_history: Record<string, number>[];
        global_step: number;
      };
      const results = JSON.parse(await readFile(join(replica, 'train_results.json'), 'utf8')) as Record<string, number>;
      const history = state.log_history.map((entry) =>
        Object.fromEntries(Object.entries(entry).filter(([key]) => !/runtime|per_second/.test(key))),
      );
      return {
        step: state.global_step,
        history,
        loss: results['train_loss'],
        weights: (await readFile(join(replica, 'model.safetensors'))).toString('base64'),
      };
    }),
  );
}

async function whenCheckpoints({ child }: CliProcess, folder: string, count: number): Promise<void> {
  while (child.exitCode === null && (await checkpoints(folder)).length < count) await sleep(5);
}

test('killed at any moment and resumed, a run ends with the bits of an uninterrupted one', async () => {
  const folder = out('killed');
  for (const count of [1, 4, 8]) {
    const started = startCli(job(folder));
    await whenCheckpoints(started, folder, count);
    await sleep(Math.random() * 20);
    started.child.kill('SIGKILL');
    await started.result;
    assert.equal(started.child.signalCode, 'SIGKILL', 'it was still at work');
    for (const name of await checkpoints(folder)) {
      for (const file of ['replica-0.safetensors', 'replica-1.safetensors', 'trainer_state.json', 'lrdist_state.json'])
        assert.ok((await readdir(join(folder, name))).includes(file), `${name} lacks ${file}`);
    }
  }
  const { code, stderr } = await runCli(job(folder));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /resuming at step \d+/);
  assert.deepEqual(await outcome(folder), await outcome(out('whole')));
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith('.tmp')),
    [],
    'half-made folders are cleaned up',
  );
});

test('Ctrl-C stops after a step and leaves whole checkpoints to resume from', async () => {
  const folder = out('interrupted');
  const started = startCli(job(folder));
  await whenCheckpoints(started, folder, 2);
  started.child.kill('SIGINT');
  const { code, stderr } = await started.result;
  assert.equal(code, 130, stderr);
  assert.match(stderr, /Stopping/);
  assert.ok((await checkpoints(folder)).length >= 2);
  await jsonCli(job(folder, '--resume_from_checkpoint', 'true'));
  assert.deepEqual(await outcome(folder), await outcome(out('whole')));
});

test('Ctrl-C twice exits at once, SIGTERM with 143, a timeout with 1', async () => {
  const endless = ['--num_train_epochs', '50000', '--save_strategy', 'no'];
  // The table of groups on standard error says that the run has begun.
  const begun = async (name: string): Promise<CliProcess> => {
    const started = startCli(job(out(name), ...endless).filter((arg) => arg !== '--quiet'));
    await once(started.child.stderr!, 'data');
    return started;
  };
  const twice = await begun('twice');
  twice.child.kill('SIGINT');
  twice.child.kill('SIGINT');
  assert.equal((await twice.result).code, 130);
  const term = await begun('term');
  term.child.kill('SIGTERM');
  assert.equal((await term.result).code, 143);
  const { code, stdout } = await runCli([...job(out('timeout'), ...endless), '--timeout', '1.5', '--json']);
  assert.equal(code, 1);
  assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, 'ERR_STOPPED');
});

test('a checkpoint of another configuration is refused, naming what differs', async () => {
  const folder = out('other');
  await mkdir(folder);
  await cp(join(out('whole'), 'checkpoint-74'), join(folder, 'checkpoint-74'), { recursive: true });
  const { code, stdout } = await runCli([
    ...job(folder, '--per_device_train_batch_size', '4', '--seed', '7'),
    '--json',
  ]);
  assert.equal(code, 1);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; remedy: string } };
  assert.equal(error.code, 'ERR_PROTOCOL_MISMATCH');
  assert.match(error.message, /batch_size: 8 in the checkpoint, 4 now/);
  assert.match(error.message, /model_seed: 42 in the checkpoint, 7 now/);
  assert.match(error.remedy, /overwrite_output_dir/);
});

test('a damaged newest checkpoint is passed over; a named one is refused', async () => {
  const folder = out('damaged');
  await mkdir(folder);
  for (const name of ['checkpoint-74', 'checkpoint-111', 'checkpoint-148'])
    await cp(join(out('whole'), name), join(folder, name), { recursive: true });
  await truncate(join(folder, 'checkpoint-148', 'replica-1.safetensors'), 1000);
  await rm(join(folder, 'checkpoint-111', 'lrdist_state.json'));
  const named = await runCli(job(folder, '--resume_from_checkpoint', join(folder, 'checkpoint-148')));
  assert.equal(named.code, 1);
  assert.match(named.stderr, /ERR_SAFETENSORS/);
  const foreign = await runCli(job(folder, '--resume_from_checkpoint', join(folder, 'checkpoint-111')));
  assert.match(foreign.stderr, /ERR_PROTOCOL_MISMATCH/);
  const { code, stderr } = await runCli(job(folder));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /resuming at step 74 /);
  assert.deepEqual(await outcome(folder), await outcome(out('whole')));
});

test('a trained folder is not overwritten by accident', async () => {
  const folder = out('full');
  await mkdir(folder);
  await writeFile(join(folder, 'model.safetensors'), 'x');
  const refused = await runCli(job(folder));
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /already holds a trained model[^]*--overwrite_output_dir/);
  assert.equal((await runCli(job(folder, '--overwrite_output_dir', '--max_steps', '3'))).code, 0);
});
