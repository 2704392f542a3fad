import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { flat, type RateDistribution } from '../../lib/rates/distribution.ts';
import { findPreset, fromPreset } from '../../lib/rates/presets.ts';
import { unfreezeGradually } from '../../lib/rates/unfreezing.ts';
import type { Model } from '../../lib/train/model.ts';
import { openModel } from '../../lib/train/open.ts';
import type { TrainOptions } from '../../lib/train/options.ts';
import { jsonCli, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyTask, writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const folder = await writeTinyBert(join(work, 'model'));
const task = tinyTask({ train: 16, validation: 4 });
const open = (replicas = 1): Promise<Model> => openModel({ path: folder, tasks: [task], threads: 1, replicas });

async function weights(model: Model, replica = 0): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [parameter, { name }] of model.parameters.entries())
    values.set(name, await model.session.read({ buffer: 'weights', parameter, replica }));
  return values;
}

/** Names of the tensors that differ. */
function changed(before: Map<string, Float32Array>, after: Map<string, Float32Array>): string[] {
  return [...before.keys()].filter(
    (name) => Buffer.compare(Buffer.from(before.get(name)!.buffer), Buffer.from(after.get(name)!.buffer)) !== 0,
  );
}

// One batch holds all rows in their own order, so that every step is alike and a run can be cut in two.
const whole = {
  task,
  batchSize: 16,
  samplingStrategy: 'sequential',
  dropout: false,
  weightDecay: 0.01,
  schedule: { lr_scheduler_type: 'constant' },
} as const;
const preset = (name: string, layers: number, base: number): RateDistribution =>
  fromPreset(findPreset(name)!, layers, base);

test('linear probing first is a probe, and then fine-tuning from where it ended', async () => {
  await using model = await open();
  const { layers } = model.spec.model;
  const before = await weights(model);
  const options: TrainOptions = { ...whole, rates: preset('lp-ft', layers, 1e-3), maxSteps: 6, pauseAt: [3] };
  let probed = new Map<string, Float32Array>();
  await model.train({
    ...options,
    onPause: async ({ step }) => {
      if (step === 3) probed = await weights(model);
    },
  }).result;
  assert.ok(changed(before, probed).length > 0);
  assert.deepEqual(
    changed(before, probed).filter((name) => !/^classifier\.|^bert\.pooler\./.test(name)),
    [],
  );
  const after = await weights(model);
  assert.ok(changed(probed, after).some((name) => name.startsWith('bert.embeddings.')));

  // The same as two runs: a probe at ten times the rate, then everything with the heads' moments kept.
  await using two = await open();
  await two.train({ ...whole, rates: preset('head-only', layers, 1e-2), maxSteps: 3 }).result;
  await two.train({ ...whole, rates: flat(1e-3), maxSteps: 3, moments: 'keep' }).result;
  for (const [name, values] of await weights(two)) {
    const difference = Math.max(...values.map((value, i) => Math.abs(value - after.get(name)![i]!)));
    assert.equal(difference, 0, name);
  }
});

test('phases of one replica leave the others as they would be alone, and theirs are as alone', async () => {
  await using trio = await open(3);
  const { layers } = trio.spec.model;
  const rates = [
    preset('lp-ft-0.3', layers, 1e-3),
    flat(1e-3),
    unfreezeGradually(preset('llrd-0.8', layers, 1e-3), 0.2),
  ];
  const options = { task, epochs: 5 } as const;
  const result = await trio.train({ ...options, rates }).result;
  for (const [k, distribution] of rates.entries()) {
    await using alone = await open();
    const single = await alone.train({ ...options, rates: distribution }).result;
    assert.deepEqual(result.losses[k], single.losses[0]);
    assert.deepEqual(changed(await weights(trio, k), await weights(alone)), []);
  }
});

test('gradual unfreezing moves one layer more at a time, from the top', async () => {
  await using model = await open();
  const { layers } = model.spec.model;
  const depths = layers + 2;
  const joined: string[][] = [];
  let before = await weights(model);
  const run = model.train({
    ...whole,
    rates: unfreezeGradually(flat(1e-3, layers), 2 / (2 * depths)),
    maxSteps: 2 * depths,
    pauseEvery: [2],
    onPause: async ({ step }) => {
      // Every step here ends an epoch, and each of those pauses too.
      if (step % 2 !== 0) return;
      const now = await weights(model);
      joined.push(
        [...new Set(changed(before, now).map((name) => /layer\.\d+|embeddings/.exec(name)?.[0] ?? 'heads'))].sort(),
      );
      before = now;
    },
  });
  await run.result;
  const order = ['heads', ...Array.from({ length: layers }, (_, i) => `layer.${layers - 1 - i}`), 'embeddings'];
  assert.deepEqual(
    joined,
    order.map((_, i) => order.slice(0, i + 1).sort()),
  );
});

test('--unfreeze on the command line, gone on with from a checkpoint at which the embeddings still wait', async () => {
  const data = await writeTinyGlue(join(work, 'glue'), { train: 64, validation: 8 });
  const job = (output: string, ...more: string[]): string[] => [
    ...['train', '--model', folder, '--task', 'sst2', '--data_dir', data, '--quiet', '--rates', 'llrd-0.9@1e-3'],
    ...['--num_train_epochs', '8', '--save_steps', '5', '--output_dir', join(work, output), ...more],
  ];
  const unfreeze = ['--unfreeze', '0.9epochs'];
  const document = (await jsonCli(job('whole', ...unfreeze))) as {
    replicas: { rates: { phases: { from: number }[] } }[];
  };
  const last = document.replicas[0]!.rates.phases.at(-1)!;
  assert.ok(last.from * 64 > 20, 'the embeddings join after step 20');
  const checkpoint = join(work, 'whole', 'checkpoint-20');
  const again = await runCli([...job('again', ...unfreeze), '--resume_from_checkpoint', checkpoint]);
  assert.equal(again.code, 0, again.stderr);
  const saved = (name: string): Promise<Buffer> => readFile(join(work, name, 'model.safetensors'));
  assert.deepEqual(await saved('again'), await saved('whole'));
  // Another unfreezing is another run.
  const other = await runCli([...job('other', '--unfreeze', '8'), '--resume_from_checkpoint', checkpoint]);
  assert.match(other.stderr, /ERR_PROTOCOL_MISMATCH/);

  for (const bad of ['0', '0.01epochs', 'x', '-1', '5epochs']) {
    const { code, stderr } = await runCli(job('bad', `--unfreeze=${bad}`));
    assert.equal(code, 2, stderr);
    assert.match(stderr, /unfreeze/);
  }
});
