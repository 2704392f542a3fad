/** One training on several devices through the command line: `emulated,emulated`, whose ranks are threads of one process as those of GPUs are. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStorage } from '../../lib/search/storage/open.ts';
import { type CliProcess, jsonCli, runCli, startCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyRows, writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const [model, data] = [join(work, 'model'), join(work, 'glue')];
const env = { LRDIST_CACHE: join(work, 'cache') };
const out = (name: string): string => join(work, name);
const two = 'emulated,emulated';
const places = ['--model', model, '--data_dir', data, '--threads', '1'];

/** 15 steps; rows of the last batch of an epoch are fewer than three devices. */
function job(output: string, device: string, ...more: string[]): string[] {
  return [
    ...['train', ...places, '--task', 'sst2', '--quiet', '--rates', 'flat@2e-3,fast-head@5e-4'],
    ...['--num_train_epochs', '3', '--save_steps', '4', '--logging_steps', '1', '--eval_strategy', 'epoch'],
    ...['--output_dir', output, '--device', device, ...more],
  ];
}

interface Outcome {
  readonly losses: readonly number[];
  readonly scores: readonly number[];
  readonly weights: string;
}

/** Of each replica. */
async function outcomes(folder: string): Promise<readonly Outcome[]> {
  const read = async (path: string): Promise<Record<string, unknown>> =>
    JSON.parse(await readFile(join(folder, path), 'utf8')) as Record<string, unknown>;
  const replicas = (await readdir(folder)).filter((name) => name.includes('@')).sort();
  assert.equal(replicas.length, 2);
  return Promise.all(
    replicas.map(async (name) => {
      const { log_history: log } = (await read(`${name}/trainer_state.json`)) as {
        log_history: Record<string, number>[];
      };
      const of = (key: string): number[] => log.flatMap((entry) => entry[key] ?? []);
      return {
        losses: of('loss'),
        scores: [...of('eval_loss'), ...of('eval_accuracy')],
        weights: (await readFile(join(folder, name, 'model.safetensors'))).toString('base64'),
      };
    }),
  );
}

function near(actual: readonly Outcome[], expected: readonly Outcome[]): void {
  for (const [k, { losses, scores }] of expected.entries()) {
    assert.equal(losses.length, 15);
    for (const [i, value] of [...losses, ...scores].entries()) {
      const found = [...actual[k]!.losses, ...actual[k]!.scores][i]!;
      // The log rounds losses to four digits.
      assert.ok(Math.abs(found - value) <= 2e-4, `replica ${k}, number ${i}: ${found}, not ${value}`);
    }
  }
}

const checkpoints = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [] as string[])).filter((name) => /^checkpoint-\d+$/.test(name));

async function whenCheckpoints({ child }: CliProcess, folder: string, count: number): Promise<void> {
  while (child.exitCode === null && (await checkpoints(folder)).length < count) await sleep(5);
}

async function failure(...args: Parameters<typeof runCli>): Promise<{ code: string; message: string; remedy: string }> {
  const { code, stdout, stderr } = await runCli([...args[0], '--json'], args[1]);
  assert.equal(code, 1, stderr);
  return (JSON.parse(stdout) as { error: { code: string; message: string; remedy: string } }).error;
}

before(async () => {
  await writeTinyBert(model);
  await writeTinyGlue(data, { train: 34, validation: 11 });
  await mkdir(join(data, 'CoLA'));
  const rows = (seed: number): string =>
    tinyRows(60, seed)
      .map(({ text, label }, i) => `x\t${label}\t\t${text} ${'abcd'[i % 4]} .\n`)
      .join('');
  for (const [name, seed] of [
    ['train', 31],
    ['dev', 37],
  ] as const)
    await writeFile(join(data, 'CoLA', `${name}.tsv`), rows(seed));
  await jsonCli(job(out('one'), 'emulated'));
  await jsonCli(job(out('two'), two));
});

test('two devices, and three of which some have no rows, train as one does, and records say so', async () => {
  const one = await outcomes(out('one'));
  near(await outcomes(out('two')), one);
  await jsonCli(job(out('three'), 'emulated,emulated,emulated'));
  near(await outcomes(out('three')), one);
  const folder = join(out('two'), 'flat@0.002');
  assert.match(await readFile(join(folder, 'README.md'), 'utf8'), /Device: emulated,emulated\n/);
  const { protocol } = JSON.parse(await readFile(join(folder, 'training_args.json'), 'utf8')) as {
    protocol: Record<string, unknown>;
  };
  assert.deepEqual([protocol['device'], protocol['devices']], ['emulated', 2]);
});

test('--dry_run says the memory of all devices', async () => {
  const planned = async (device: string) => (await runCli(job(out('planned'), device, '--dry_run'))).stdout;
  assert.match(await planned(two), / MB on 2 devices together\n/);
  assert.match(await planned('emulated'), / MB\n/);
});

test('what two devices trained is evaluated by two as by one', async () => {
  const trained = ['--model', join(out('two'), 'flat@0.002'), '--data_dir', data, '--task', 'sst2', '--threads', '1'];
  const scores = await Promise.all(
    ['emulated', two].map((device) => jsonCli(['eval', ...trained, '--device', device])),
  );
  const [one, both] = scores.map((each) => each['eval_loss'] as number);
  assert.ok(Math.abs(one! - both!) <= 1e-5 * one!, `${both}, not ${one}`);
  assert.equal(scores[1]!['eval_accuracy'], scores[0]!['eval_accuracy']);
});

test('killed and resumed on two devices, a run ends with the bits of an uninterrupted one', async () => {
  const folder = out('killed');
  const started = startCli(job(folder, two));
  await whenCheckpoints(started, folder, 2);
  started.child.kill('SIGKILL');
  await started.result;
  assert.equal(started.child.signalCode, 'SIGKILL', 'it was still at work');
  // Without --device on as many devices as before.
  const { code, stderr } = await runCli(job(folder, two).filter((word) => word !== '--device' && word !== two));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /resuming at step \d+/);
  assert.doesNotMatch(stderr, /was made on/);
  assert.deepEqual(await outcomes(folder), await outcomes(out('two')));
});

test('Ctrl-C in the middle leaves checkpoints that one device goes on from, and it is said', async () => {
  const folder = out('interrupted');
  const started = startCli(job(folder, two));
  await whenCheckpoints(started, folder, 1);
  started.child.kill('SIGINT');
  assert.equal((await started.result).code, 130);
  const { code, stderr } = await runCli(job(folder, 'emulated'));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /was made on 2 x emulated, this run goes on on emulated: same rows, masks and schedule/);
  near(await outcomes(folder), await outcomes(out('one')));
});

test('a device without memory, or one that is lost, ends the run with its code', { timeout: 120_000 }, async () => {
  const memory = await failure(job(out('memory'), two), { env: { LRDIST_EMULATED_MEMORY: '100000' } });
  assert.equal(memory.code, 'ERR_OUT_OF_MEMORY');
  // After two checkpoints; what a device has to do for that is the engine's affair.
  const lost = await failure(job(out('lost'), two), { env: { LRDIST_EMULATED_LOSS: '11' } });
  assert.equal(lost.code, 'ERR_DEVICE_LOST');
  assert.match(lost.message, /the emulated device is lost/);
  assert.match(lost.remedy, /Start again/);
  assert.ok((await checkpoints(out('lost'))).length > 0);
  const { code, stderr } = await runCli(job(out('lost'), two));
  assert.equal(code, 0, stderr);
  assert.deepEqual(await outcomes(out('lost')), await outcomes(out('two')));
});

test('lists that are refused', async () => {
  for (const [device, message] of [
    ['cpu,cpu', /one processor/],
    ['cpu,emulated', /of one kind/],
    ['emulated,emulator', /no device "emulator"/],
  ] as const) {
    const error = await failure(job(out('refused'), device));
    assert.equal(error.code, 'ERR_DEVICE_UNAVAILABLE');
    assert.match(error.message, message);
  }
});

test('a search spreads its trials over the devices, a child process for each', async () => {
  const search = ['search', ...places, '--tasks', 'sst2,cola', '--trials', '4', '--num_train_epochs', '1'].concat([
    '--sampler',
    'random',
    '--no_known',
    '--rate_range',
    '1e-3:1e-2',
  ]);
  const run = async (name: string, ...more: string[]) => {
    const storage = join(work, `${name}.db`);
    await jsonCli([...search, '--storage', storage, '--trials_per_batch', '2', ...more], { env });
    const opened = await openStorage(storage);
    try {
      const trials = await opened.trials((await opened.findStudy('sst2-cola'))!.id);
      assert.ok(trials.every(({ state }) => state === 'complete'));
      return trials.map(({ parameters, values, attributes }) => ({ parameters, values, attributes }));
    } finally {
      await opened.close();
    }
  };
  const spread = await run('list', '--device', two);
  assert.deepEqual([...new Set(spread.map(({ attributes }) => attributes['device']))], ['emulated']);
  // Each trial has the bits of one device, whichever it was.
  assert.deepEqual(spread, await run('processes', '--device', 'emulated', '--processes', '2'));
  assert.deepEqual((await failure([...search, '--device', 'emulated,cuda:0'])).code, 'ERR_DEVICE_UNAVAILABLE');
});
