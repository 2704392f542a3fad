import assert from 'node:assert/strict';
import { test } from 'node:test';
import yargs from 'yargs';
import { optionTable, readTokens, toArgv, type YargsOptions } from '../../../lib/cli/argv.ts';
import { commonOptions, modelOptions, scheduleOptions, trainingOptions } from '../../../lib/cli/options.ts';

const parser = yargs([])
  .help(false)
  .version(false)
  .options({ ...modelOptions, ...trainingOptions, ...scheduleOptions, ...commonOptions, tags: { type: 'array' } });
const table = optionTable((parser as unknown as { getOptions(): YargsOptions }).getOptions());

const read = (...argv: string[]) => {
  const { values, positionals } = readTokens(argv, table);
  return { ...Object.fromEntries(values), ...(positionals.length > 0 ? { positionals } : {}) };
};

test('names with - or _, values behind a space or =', () => {
  const expected = { per_device_train_batch_size: ['32'] };
  assert.deepEqual(read('--per_device_train_batch_size', '32'), expected);
  assert.deepEqual(read('--per-device-train-batch-size', '32'), expected);
  assert.deepEqual(read('--per-device-train-batch-size=32'), expected);
  assert.deepEqual(read('--per-device_train-batch_size=32'), expected);
});

test('aliases lead to Hugging Face’s name, and the last value wins', () => {
  assert.deepEqual(read('--model', 'a', '--model-name-or-path=b'), { model_name_or_path: ['b'] });
  assert.deepEqual(read('--model_name_or_path', 'b', '--model', 'a'), { model_name_or_path: ['a'] });
});

test('switches: bare, with a value in any case, negated', () => {
  const on = { overwrite_output_dir: ['true'] };
  const off = { overwrite_output_dir: ['false'] };
  assert.deepEqual(read('--overwrite_output_dir'), on);
  assert.deepEqual(read('--overwrite-output-dir', 'True'), on);
  assert.deepEqual(read('--overwrite_output_dir=FALSE'), off);
  assert.deepEqual(read('--no-overwrite-output-dir'), off);
  assert.deepEqual(read('--no_overwrite_output_dir'), off);
  assert.deepEqual(read('--overwrite_output_dir', '--json'), { ...on, json: ['true'] });
  assert.deepEqual(read('--overwrite_output_dir', 'file'), { ...on, positionals: ['file'] });
});

test('values: negative numbers, =, empty, after --', () => {
  assert.deepEqual(read('--max_steps', '-1'), { max_steps: ['-1'] });
  assert.deepEqual(read('--output_dir=a=b'), { output_dir: ['a=b'] });
  assert.deepEqual(read('--output_dir='), { output_dir: [''] });
  assert.deepEqual(read('--json', '--', '--output_dir'), { json: ['true'], positionals: ['--output_dir'] });
  assert.deepEqual(read('a', '--json', 'b', '-'), { json: ['true'], positionals: ['a', 'b', '-'] });
  assert.deepEqual(read('--tags', 'a', 'b', '--json'), { tags: ['a', 'b'], json: ['true'] });
});

test('numbers are numbers', () => {
  for (const good of ['1', '+2', '.5', '2e-5', '1E3', '-0.1'])
    assert.deepEqual(read('--warmup_ratio', good), { warmup_ratio: [good] });
  for (const bad of ['abc', 'nan', 'NaN', 'inf', 'Infinity', '1e999', '', ' ', '0x10', '1_000', '3,5', 'true']) {
    assert.throws(() => read(`--warmup-ratio=${bad}`), {
      code: 'ERR_INVALID_OPTION',
      message: `--warmup-ratio: expected a number, received "${bad}"`,
    });
  }
});

test('choices and switches refuse other words', () => {
  assert.throws(() => read('--lr_scheduler_type', 'cosin'), {
    code: 'ERR_INVALID_OPTION',
    message: /expected one of linear, cosine/,
    remedy: 'Did you mean cosine?',
  });
  assert.throws(() => read('--json=yes'), {
    code: 'ERR_INVALID_OPTION',
    message: '--json: expected true or false, received "yes"',
  });
  assert.throws(() => read('--no-json=true'), { code: 'ERR_INVALID_OPTION' });
});

test('an option without its value is refused', () => {
  assert.throws(() => read('--output_dir'), { code: 'ERR_INVALID_OPTION', message: '--output_dir needs a value' });
  assert.throws(() => read('--output_dir', '--json'), {
    code: 'ERR_INVALID_OPTION',
    message: '--output_dir needs a value',
  });
});

test('an unknown option shows the nearest', () => {
  assert.throws(() => read('--num_train_epoch', '3'), {
    code: 'ERR_UNKNOWN_OPTION',
    message: 'unknown option --num_train_epoch',
    remedy: 'Did you mean --num_train_epochs?',
  });
  assert.throws(() => read('--num-train-epoch=3'), {
    code: 'ERR_UNKNOWN_OPTION',
    remedy: 'Did you mean --num_train_epochs?',
  });
  assert.throws(() => read('--no-output-dir'), { code: 'ERR_UNKNOWN_OPTION' }, 'only switches can be negated');
  assert.throws(() => read('-x'), { code: 'ERR_UNKNOWN_OPTION', message: 'unknown option -x' });
});

test('yargs reads what was read to the same values', async () => {
  const given = readTokens(['--model', 'a b', '--seed', '-3', '--no-json', '--tags', '1', '2'], table);
  const argv = (await yargs([])
    .options({ ...modelOptions, ...trainingOptions, ...commonOptions, tags: { type: 'array' } })
    .parserConfiguration({ 'parse-numbers': false })
    .parseAsync(toArgv(given))) as Record<string, unknown>;
  assert.deepEqual(
    [argv['model_name_or_path'], argv['model'], argv['seed'], argv['json'], argv['tags']],
    ['a b', 'a b', -3, false, ['1', '2']],
  );
});
