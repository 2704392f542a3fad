import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createStopper, type Stopper, type StopperOptions } from '../../../lib/cli/signals.ts';

function make(options: StopperOptions = {}): {
  target: EventEmitter;
  exits: number[];
  told: string[];
  stopper: Stopper;
} {
  const target = new EventEmitter();
  const exits: number[] = [];
  const told: string[] = [];
  const stopper = createStopper({
    target,
    exit: (code) => exits.push(code),
    onStop: (message) => told.push(message),
    ...options,
  });
  return { target, exits, told, stopper };
}

test('Ctrl-C once aborts, twice exits with 130', () => {
  const { target, exits, told, stopper } = make();
  assert.equal(stopper.stop === undefined, true);
  target.emit('SIGINT');
  assert.equal(stopper.signal.aborted, true);
  assert.equal((stopper.signal.reason as { code: string }).code, 'ERR_STOPPED');
  assert.deepEqual([stopper.stop?.exitCode, exits, told.length], [130, [], 1]);
  target.emit('SIGINT');
  assert.deepEqual([exits, told.length], [[130], 1]);
});

test('SIGTERM aborts with 143, and a second signal of either kind exits', () => {
  const { target, exits, stopper } = make();
  target.emit('SIGTERM');
  assert.deepEqual([stopper.signal.aborted, stopper.stop?.exitCode, exits], [true, 143, []]);
  target.emit('SIGTERM');
  target.emit('SIGINT');
  assert.deepEqual(exits, [143, 130]);
});

test('the timeout aborts with exit code 1, and Ctrl-C after it exits', async () => {
  const { target, exits, stopper } = make({ timeout: 0.02 });
  await sleep(200);
  assert.deepEqual([stopper.signal.aborted, stopper.stop], [true, { by: 'timeout', exitCode: 1 }]);
  assert.match(String(stopper.signal.reason), /after 0\.02 s/);
  target.emit('SIGINT');
  assert.deepEqual(exits, [130]);
});

test('after dispose nothing listens and no timer runs', async () => {
  const { target, stopper } = make({ timeout: 0.02 });
  stopper.dispose();
  assert.deepEqual([target.listenerCount('SIGINT'), target.listenerCount('SIGTERM')], [0, 0]);
  await sleep(60);
  assert.equal(stopper.signal.aborted, false);
});

test('impossible timeouts are refused', () => {
  for (const timeout of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e9])
    assert.throws(() => make({ timeout }), { code: 'ERR_INVALID_OPTION', message: /timeout/ });
});
