// A worker process of the tests: node worker.ts ADDRESS STUDY MODE. Prints one JSON document.
import { setTimeout as delay } from 'node:timers/promises';
import { openStorage } from '../../../lib/search/storage/open.ts';
import { point } from './data.ts';

const [address, study, mode] = process.argv.slice(2) as [string, string, string];
const id = Number(study);
const storage = await openStorage(address);
const worker = `worker-${process.pid}`;

/** Claims and finishes until nothing is left. */
async function drain(): Promise<number[]> {
  const done: number[] = [];
  for (;;) {
    const claims = await storage.claim(id, { count: 1 + (done.length % 3), worker, lease: 60_000 });
    if (claims.length === 0) return done;
    for (const claim of claims) {
      const values = [claim.trial.number, process.pid];
      if (await storage.finish(id, claim, { state: 'complete', values })) done.push(claim.trial.number);
    }
  }
}

/** Adds trials one by one; `from` and `to` are the times at which this process was inside the lock. */
async function add(): Promise<{ number: number; before: number; from: number; to: number }[]> {
  const added = [];
  for (let i = 0; i < 5; i++)
    added.push(
      await storage.locked(id, async (locked) => {
        const from = performance.timeOrigin + performance.now();
        const before = (await locked.trials()).length;
        await delay(3);
        const [trial] = await locked.add([point(before)]);
        return { number: trial!.number, before, from, to: performance.timeOrigin + performance.now() };
      }),
    );
  return added;
}

const result = mode === 'drain' ? await drain() : await add();
await storage.close();
console.log(JSON.stringify(result));
