// Sessions in worker threads: the compute thread is shared, the sessions end with their threads. A crash here ends this file's process.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { tinySegment, tinySession } from '../helpers/native.ts';

const start = (how: 'train' | 'exit' | 'finish') =>
  new Worker(new URL('./fixtures/worker.ts', import.meta.url), { workerData: how });
const message = async (worker: Worker): Promise<unknown> => ((await once(worker, 'message')) as unknown[])[0];

/** The compute thread still serves others. */
async function assertComputes() {
  const { session, dataset } = await tinySession();
  assert.equal((await session.train(tinySegment(dataset, 3), () => {})).steps, 3);
  session.closeSync();
}

test('a worker terminated while it trains', async () => {
  for (let i = 0; i < 12; i++) {
    const worker = start('train');
    await message(worker);
    await sleep(i);
    await worker.terminate();
  }
  await assertComputes();
});

test('a worker terminated at any moment of its start', async () => {
  for (let i = 0; i < 12; i++) {
    const worker = start('train');
    await once(worker, 'online');
    await sleep(i * 15);
    await worker.terminate();
  }
  await assertComputes();
});

test('a worker that ends by itself with its session open', async () => {
  const worker = start('finish');
  const ended = once(worker, 'exit');
  assert.equal(await message(worker), 50);
  assert.deepEqual(await ended, [0]);
  await assertComputes();
});

test('process.exit() in a worker that trains', async () => {
  const worker = start('exit');
  assert.deepEqual(await once(worker, 'exit'), [3]);
  await assertComputes();
});

test('two workers at once, one terminated while the other trains', async () => {
  const first = start('train');
  await message(first);
  const second = start('finish'); // its jobs wait for the first one's
  const ends = Promise.all([message(second), once(second, 'exit')]);
  await once(second, 'online');
  await sleep(100);
  await first.terminate();
  assert.deepEqual(await ends, [50, [0]]);
});

test('two workers that finish at the same time, beside a session of the main thread', async () => {
  const workers = [start('finish'), start('finish')];
  const here = assertComputes();
  assert.deepEqual(await Promise.all(workers.map(message)), [50, 50]);
  await here;
  await Promise.all(workers.map((worker) => worker.terminate()));
});
