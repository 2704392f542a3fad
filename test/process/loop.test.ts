// Training neither blocks the event loop nor takes a thread of libuv's pool.
import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { tinyModel, tinySession, trainEndlessly } from '../helpers/native.ts';

test('timers, files and names are served while a session trains', async () => {
  const { session, dataset } = await tinySession({ model: { ...tinyModel, hidden: 256, intermediate: 1024 } });
  const { running, result } = trainEndlessly(session, dataset);
  await running;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const end = performance.now() + 1500;
  let files = 0;
  let names = 0;
  let timers = 0;
  const reading = (async () => {
    while (performance.now() < end) {
      await readFile(new URL(import.meta.url));
      files++;
    }
  })();
  const looking = (async () => {
    while (performance.now() < end) {
      await lookup('localhost');
      names++;
    }
  })();
  const ticking = (async () => {
    while (performance.now() < end) {
      await sleep(5);
      timers++;
    }
  })();
  await Promise.all([reading, looking, ticking]);
  delay.disable();
  session.requestStop();
  assert.equal((await result).stopped, true);
  session.closeSync();
  // Far below what an idle machine gives, far above what a loop gives that waits for steps or for the pool.
  assert(timers >= 30, `${timers} timers`);
  assert(files >= 30, `${files} files`);
  assert(names >= 10, `${names} names`);
  assert(delay.percentile(50) < 100e6, `median delay ${delay.percentile(50) / 1e6} ms`);
});
