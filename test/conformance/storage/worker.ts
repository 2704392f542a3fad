// A worker process of the tests: node worker.ts ADDRESS STUDY MODE. Prints one JSON document.
import { setTimeout as delay } from 'node:timers/promises';
import { openStorage } from '../../../lib/search/storage/open.ts';
import { definition, point } from './data.ts';

const [address, study, mode] = process.argv.slice(2) as [string, string, 'drain' | 'add' | 'create' | 'tell'];
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

/** Whether this process made the study. */
async function create(): Promise<boolean> {
  return storage.createStudy(definition).then(
    () => true,
    (error: Error & { code?: string }) => {
      if (error.code === 'ERR_STUDY_EXISTS') return false;
      throw error;
    },
  );
}

/** Until it is killed: finishes trials, and tells each number when the storage has said that it is finished. */
async function tell(): Promise<never> {
  for (;;) {
    const [claim] = await storage.claim(id, { count: 1, worker, lease: 60_000 });
    await storage.report(id, claim!, { step: 1, values: [1, 2] });
    await storage.finish(id, claim!, { state: 'complete', values: [1, 2], attributes: { pid: process.pid } });
    process.stdout.write(`${claim!.trial.number}\n`);
  }
}

const result = await { drain, add, create, tell }[mode]();
await storage.close();
console.log(JSON.stringify(result));
