import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { createOutput, exitCodeOf, ignoreClosedPipes, reportError } from '../../../lib/cli/output.ts';
import { LrdistError } from '../../../lib/errors.ts';
import { Capture, errorIn } from './helpers.ts';

test('results go to standard output as text or JSON, notes to standard error', () => {
  for (const json of [false, true]) {
    const stdout = new Capture();
    const stderr = new Capture();
    const output = createOutput({ json, stdout, stderr });
    output.note('careful');
    output.result({ eval_loss: 0.5, worst: Number.NaN }, () => 'loss 0.5');
    assert.equal(stderr.text, 'careful\n');
    assert.equal(stdout.text, json ? '{\n    "eval_loss": 0.5,\n    "worst": null\n}\n' : 'loss 0.5\n');
  }
  assert.equal(createOutput({ quiet: true }).progress, false);
  assert.equal(createOutput().progress, true);
});

test('errors of Node keep their code, anything thrown is reported', () => {
  const report = (error: unknown): unknown => {
    const stdout = new Capture();
    reportError(error, { json: true, stdout });
    return errorIn(stdout.text);
  };
  assert.deepEqual(report(Object.assign(new Error('full'), { code: 'ENOSPC' })), { code: 'ENOSPC', message: 'full' });
  assert.deepEqual(report('text'), { code: 'ERR_UNEXPECTED', message: 'text' });
});

test('exit codes', () => {
  assert.equal(exitCodeOf(new LrdistError('ERR_UNKNOWN_OPTION', '')), 2);
  assert.equal(exitCodeOf(new LrdistError('ERR_CONFIG_FILE', '')), 2);
  assert.equal(exitCodeOf(new LrdistError('ERR_RATES_FILE', '')), 1);
  assert.equal(exitCodeOf(undefined), 1);
});

test('a closed pipe is no error, others are', () => {
  const stream = new EventEmitter();
  ignoreClosedPipes([stream as NodeJS.WriteStream]);
  stream.emit('error', Object.assign(new Error(), { code: 'EPIPE' }));
  assert.throws(() => stream.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' })), /full/);
});
