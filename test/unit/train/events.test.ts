import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventQueue, trainChannel } from '../../../lib/train/events.ts';
import type { TrainEvent } from '../../../lib/train/run.ts';

const step = (n: number): TrainEvent => ({
  type: 'step',
  step: n,
  of: 9,
  epoch: 0,
  losses: [n],
  gradNorms: [0],
  factor: 1,
  tokensPerSecond: 0,
  secondsLeft: 0,
  dropped: 0,
});
const checkpoint = (n: number): TrainEvent => ({ type: 'checkpoint', step: n, folder: '' });
const brief = (event: TrainEvent): unknown[] =>
  event.type === 'step' ? [event.step, event.dropped] : [event.type, (event as { step: number }).step];

async function drain(queue: EventQueue): Promise<unknown[][]> {
  const seen: unknown[][] = [];
  for await (const event of queue.read()) seen.push(brief(event));
  return seen;
}

test('waiting step events are merged and counted, others are kept', async () => {
  const queue = new EventQueue();
  for (const event of [step(1), step(2), step(3), checkpoint(3), step(4), step(5)]) queue.push(event);
  queue.end();
  queue.push(step(6));
  assert.deepEqual(await drain(queue), [
    [3, 3],
    ['checkpoint', 3],
    [5, 0],
  ]);
});

test('a reader that waits gets each event', async () => {
  const queue = new EventQueue();
  const seen = drain(queue);
  for (const n of [1, 2, 3]) {
    queue.push(step(n));
    await new Promise(setImmediate);
  }
  queue.end();
  assert.deepEqual(await seen, [
    [1, 0],
    [2, 0],
    [3, 0],
  ]);
});

test('an unread queue stays bounded', async () => {
  const queue = new EventQueue();
  for (let n = 0; n < 5000; n++) queue.push(checkpoint(n));
  queue.push(step(5000));
  queue.end();
  const seen = await drain(queue);
  assert.equal(seen.length, 1000);
  assert.deepEqual(seen.at(-1), [5000, 4001]);
});

test('the error comes after the events', async () => {
  const queue = new EventQueue();
  queue.push(checkpoint(1));
  const reason = new Error('x');
  queue.end({ reason });
  const seen: unknown[] = [];
  await assert.rejects(
    async () => {
      for await (const event of queue.read()) seen.push(event);
    },
    (error) => error === reason,
  );
  assert.equal(seen.length, 1);
});

test('events are on the diagnostics channel', () => {
  const seen: unknown[] = [];
  const listen = (message: unknown): void => void seen.push(message);
  trainChannel.subscribe(listen);
  new EventQueue().push(checkpoint(7));
  trainChannel.unsubscribe(listen);
  assert.deepEqual(seen, [checkpoint(7)]);
});
