import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Argv } from 'yargs';
import { commands } from '../../../lib/cli/registry.ts';
import { command } from '../../../lib/cli/run.ts';
import { LrdistError } from '../../../lib/errors.ts';
import { environment } from '../../../lib/env.ts';
import { errorIn, only, run } from './helpers.ts';

const nothing = { command: 'work', handler: command<object>(() => undefined) };
const failing = (error: unknown) =>
  only({
    command: 'work',
    handler: command<object>(() => {
      throw error;
    }),
  });

test('help, version and no command', async () => {
  const help = await run(['--help']);
  assert.equal(help.code, 0);
  for (const { name } of commands) assert.match(help.stdout, new RegExp(`^  ${name} `, 'm'));
  for (const name of Object.keys(environment)) assert.match(help.stdout, new RegExp(`^  ${name} `, 'm'));
  assert.deepEqual(await run(['-h']), help);
  const version = await run(['--version']);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  const none = await run([]);
  assert.deepEqual([none.code, none.stdout, none.stderr], [2, '', help.stdout]);
});

test('a module is loaded only when its command is called', async () => {
  let loads = 0;
  const entries = only(nothing, () => loads++);
  await run(['--help'], entries);
  await run(['wrok'], entries);
  assert.equal(loads, 0);
  assert.equal((await run(['work'], entries)).code, 0);
  assert.equal(loads, 1);
});

test('an unknown command shows the nearest', async () => {
  const { code, stderr } = await run(['trian', '--model', 'x']);
  assert.equal(code, 2);
  assert.match(stderr, /there is no command "trian"\nDid you mean train\?/);
  assert.equal((await run(['--model', 'x', 'train'])).code, 2);
});

test('the help of a command shows its options and the common ones', async () => {
  const builder = (y: Argv): Argv =>
    y
      .positional('thing', { type: 'string', describe: 'what' })
      .options({ depth: { type: 'number', describe: 'how deep' } });
  const entries = only({ command: 'work <thing>', builder, handler: () => assert.fail('help runs nothing') });
  const { code, stdout } = await run(['work', '--help'], entries);
  assert.equal(code, 0);
  for (const part of ['lrdist work <thing>', 'does some work', 'how deep', '--json', '--config', '--timeout'])
    assert.ok(stdout.includes(part), part);
});

test('wrong usage is 2, a failure 1', async () => {
  const entries = only({
    command: 'work',
    builder: { depth: { type: 'number', demandOption: true } },
    handler: command<object>(() => undefined),
  });
  const missing = await run(['work'], entries);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /depth/);
  assert.equal((await run(['work', '--depth', '1'], entries)).code, 0);
  const extra = await run(['work', '--depth', '1', 'extra'], entries);
  assert.equal(extra.code, 2);
  assert.match(extra.stderr, /unexpected argument "extra"/);
  assert.equal((await run(['work'], failing(new LrdistError('ERR_INVALID_OPTION', 'no')))).code, 2);
  assert.equal((await run(['work'], failing(new LrdistError('ERR_DATA_NOT_FOUND', 'no')))).code, 1);
});

test('errors are text on standard error, or one JSON document with --json', async () => {
  const entries = failing(new LrdistError('ERR_DATA_NOT_FOUND', 'there is no data', { remedy: 'Look again.' }));
  const text = await run(['work'], entries);
  assert.deepEqual([text.stdout, text.stderr], ['', 'lrdist: there is no data\nLook again.\n(ERR_DATA_NOT_FOUND)\n']);
  for (const flag of ['--json', '--json=true']) {
    const json = await run(['work', flag], entries);
    assert.equal(json.stderr, '');
    assert.deepEqual(JSON.parse(json.stdout), {
      error: { code: 'ERR_DATA_NOT_FOUND', message: 'there is no data', remedy: 'Look again.' },
    });
  }
  const wrong = await run(['work', '--josn', '--json'], entries);
  assert.equal(errorIn(wrong.stdout).code, 'ERR_UNKNOWN_OPTION');
});

test('a fault of lrdist itself shows where it happened', async () => {
  const { code, stderr } = await run(['work'], failing(new TypeError('oops')));
  assert.equal(code, 1);
  assert.match(stderr, /TypeError: oops[\s\S]*main\.test\.ts[\s\S]*ERR_UNEXPECTED/);
});

test('--timeout stops the command through its signal', async () => {
  const waiting = only({
    command: 'work',
    handler: command<object>(
      (_args, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ),
  });
  const keepAlive = setInterval(() => undefined, 1000);
  const { code, stdout, stderr } = await run(['work', '--timeout', '0.05', '--json'], waiting).finally(() =>
    clearInterval(keepAlive),
  );
  assert.equal(code, 1);
  assert.match(stderr, /--timeout/);
  assert.equal(errorIn(stdout).code, 'ERR_STOPPED');
  assert.equal((await run(['work', '--timeout', '-1'], waiting)).code, 2);
});

test('a command that ends well after it was stopped still exits as stopped, once', async () => {
  let count = 0;
  const entries = only({
    command: 'work',
    handler: command<object>((_args, { signal }) => {
      if (count++ === 0) process.emit('SIGTERM');
      assert.equal(signal.aborted, count === 1);
    }),
  });
  assert.equal((await run(['work'], entries)).code, 143);
  assert.equal((await run(['work'], entries)).code, 0);
});

test('a command that fails because it was stopped exits as stopped', async () => {
  const entries = only({
    command: 'work',
    handler: command<object>((_args, { signal }) => {
      process.emit('SIGINT');
      signal.throwIfAborted();
    }),
  });
  const { code, stderr } = await run(['work'], entries);
  assert.equal(code, 130);
  assert.match(stderr, /stopped by Ctrl-C\n\(ERR_STOPPED\)/);
});
