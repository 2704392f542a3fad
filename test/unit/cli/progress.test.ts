import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgress, formatProgress, formatSeconds } from '../../../lib/cli/progress.ts';
import { Capture } from './helpers.ts';

test('the line: share, loss, tokens per second, time left', () => {
  assert.equal(
    formatProgress('train', 300, { done: 120, tokens: 51_200, loss: 0.53214 }, 10),
    'train 120/300 40 %, loss 0.5321, 5,120 tokens/s, 15 s left',
  );
  assert.equal(formatProgress('train', 300, { done: 0 }, 0), 'train 0/300 0 %');
  assert.equal(formatProgress('train', 300, { done: 300 }, 75), 'train 300/300 100 %, 1:15 in all');
  assert.equal(formatProgress('train', 3, { done: 1, loss: Number.NaN }, 1), 'train 1/3 33 %, loss NaN, 2 s left');
});

test('durations', () => {
  assert.deepEqual([0, 59.4, 59.6, 185, 3729].map(formatSeconds), ['0 s', '59 s', '1:00', '3:05', '1:02:09']);
});

test('off a terminal: a line now and then, and the last state at the end', () => {
  let clock = 0;
  const stream = new Capture();
  const progress = createProgress({ label: 'train', total: 100, stream, every: 10, now: () => clock });
  for (let step = 1; step <= 100; step++) {
    clock += 250;
    progress.update({ done: step });
  }
  progress.stop();
  progress.stop();
  const lines = stream.text.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(',')[0]),
    ['train 40/100 40 %', 'train 80/100 80 %', 'train 100/100 100 %'],
  );
});

test('on a terminal: a bar that ends with its last state', () => {
  const stream = Object.assign(new Capture(), {
    isTTY: true,
    columns: 100,
    cursorTo: () => undefined,
    moveCursor: () => undefined,
    clearLine: () => undefined,
  });
  const progress = createProgress({ label: 'train', total: 2, stream });
  progress.update({ done: 1, loss: 0.25 });
  progress.update({ done: 2, loss: 0.125 });
  progress.stop();
  assert.match(stream.text, /█{20} train 2\/2 100 %, loss 0\.1250/);
});

test('nothing is drawn when switched off or when there is nothing to do', () => {
  const stream = new Capture();
  for (const options of [
    { enabled: false, total: 5 },
    { enabled: true, total: 0 },
  ]) {
    const progress = createProgress({ label: 'x', stream, every: 0, ...options });
    progress.update({ done: 1 });
    progress.stop();
  }
  assert.equal(stream.text, '');
});
