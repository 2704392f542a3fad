// A worker of claims.ts: node claims-worker.ts ADDRESS STUDY. Says when it is ready, waits for a line, works until nothing is left, prints its result.
import { once } from 'node:events';
import { openStorage } from '../../lib/search/storage/open.ts';
import type { WorkerResult } from './claims.ts';

const [address, study] = process.argv.slice(2) as [string, string];
const id = Number(study);
const storage = await openStorage(address);
console.log('ready');
await once(process.stdin, 'data');

const finished: number[] = [];
const latencies: number[] = [];
for (;;) {
  const begin = performance.now();
  const [claim] = await storage.claim(id, { count: 1, worker: String(process.pid), lease: 60_000 });
  if (claim === undefined) break;
  const { number } = claim.trial;
  if (await storage.finish(id, claim, { state: 'complete', values: [number] })) finished.push(number);
  latencies.push(performance.now() - begin);
}
await storage.close();
const result: WorkerResult = { finished, latencies };
console.log(JSON.stringify(result));
