import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { modelOptions, optimizerOptions, scheduleOptions, trainingOptions } from '../../../lib/cli/options.ts';
import { command } from '../../../lib/cli/run.ts';
import { only, run } from './helpers.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
});
after(() => rm(folder, { recursive: true }));

let seen: Record<string, unknown> = {};
const work = only({
  command: 'work',
  builder: { ...modelOptions, ...optimizerOptions, ...trainingOptions, ...scheduleOptions },
  handler: command<object>((args) => {
    seen = { ...args };
  }),
});

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** Runs the command and returns the named arguments it saw. */
async function arguments_(argv: readonly string[], names: readonly string[]): Promise<unknown[]> {
  seen = {};
  const { code, stderr } = await run(['work', ...argv], work);
  assert.equal(code, 0, stderr);
  return names.map((name) => seen[name]);
}

test('a JSON or YAML file gives options, and the command line wins', async () => {
  const json = await file(
    'a.json',
    JSON.stringify({
      model_name_or_path: 'm',
      'learning-rate': 2e-5,
      seed: 1,
      overwrite_output_dir: true,
      lr_scheduler_kwargs: { num_cycles: 2 },
      data_seed: null,
    }),
  );
  const yaml = await file(
    'a.yaml',
    'model: m\nlearning_rate: 2e-5\nseed: "1"\noverwrite_output_dir: true\nlr_scheduler_kwargs: {num_cycles: 2}\n',
  );
  const names = [
    'model_name_or_path',
    'learning_rate',
    'seed',
    'overwrite_output_dir',
    'lr_scheduler_kwargs',
    'data_seed',
  ];
  for (const path of [json, yaml]) {
    const expected = ['m', 2e-5, 1, true, '{"num_cycles":2}', undefined];
    assert.deepEqual(await arguments_(['--config', path], names), expected);
    assert.deepEqual(await arguments_([path], names), expected, 'a lone file, as Hugging Face takes it');
    assert.deepEqual(await arguments_([path, '--model', 'n', '--no-overwrite-output-dir', '--seed', '7'], names), [
      'n',
      2e-5,
      7,
      false,
      '{"num_cycles":2}',
      undefined,
    ]);
  }
});

test('lists become comma-separated', async () => {
  const path = await file('list.json', JSON.stringify({ rates: ['flat@1e-5', 2e-5] }));
  assert.deepEqual(await arguments_([path], ['rates']), ['flat@1e-5,0.00002']);
});

test('mistakes in a file name it', async () => {
  const refuse = async (name: string, text: string, message: RegExp): Promise<void> => {
    const { code, stderr } = await run(['work', '--config', await file(name, text)], work);
    assert.equal(code, 2);
    assert.match(stderr, message);
  };
  await refuse(
    'b.json',
    '{"num_train_epoch": 3}',
    /unknown option num_train_epoch in .*b\.json\nDid you mean num_train_epochs\?/,
  );
  await refuse('c.json', '{"learning_rate": "fast"}', /learning_rate in .*c\.json: expected a number, received "fast"/);
  await refuse('d.json', '{"overwrite_output_dir": 1}', /expected true or false/);
  await refuse('e.json', '{', /ERR_CONFIG_FILE/);
  await refuse('f.yaml', 'a: [', /ERR_CONFIG_FILE/);
  await refuse('g.json', '[1]', /expected an object of options/);
  await refuse('h.json', '{"config": "x.json"}', /unknown option config/);
  await refuse('i.json', '{"model": "a", "model_name_or_path": "b"}', /same option model_name_or_path/);
  const { code, stderr } = await run(['work', '--config', join(folder, 'none.json')], work);
  assert.equal(code, 2);
  assert.match(stderr, /none\.json.*ENOENT/);
});

test('two files of options are one too many', async () => {
  const path = await file('two.json', '{}');
  const { code, stderr } = await run(['work', path, '--config', path], work);
  assert.equal(code, 2);
  assert.match(stderr, /give one/);
});
