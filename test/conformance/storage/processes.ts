import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openStorage } from '../../../lib/search/storage/open.ts';
import { type Kind, withStudy } from './kinds.ts';

const workers = 8;
const script = join(import.meta.dirname, 'worker.ts');

/** What each of 8 processes at once printed. */
async function run<T>(address: string, id: number, mode: string): Promise<T[]> {
  const outputs = await Promise.all(
    Array.from({ length: workers }, () => promisify(execFile)(process.execPath, [script, address, String(id), mode])),
  );
  return outputs.map(({ stdout }) => JSON.parse(stdout) as T);
}

export function processCases(kind: Kind): void {
  test('8 processes claim every trial exactly once', async (t) => {
    const { address, storage, id } = await withStudy(kind, t, 200);
    const done = await run<number[]>(address, id, 'drain');
    assert.deepEqual(
      done.flat().sort((a, b) => a - b),
      Array.from({ length: 200 }, (_, i) => i),
    );
    for (const { number, state, values, attempt } of await storage.trials(id))
      assert.deepEqual([state, values?.[0], attempt], ['complete', number, 1]);
  });

  test('8 processes under the lock never overlap', async (t) => {
    const { address, storage, id } = await withStudy(kind, t);
    const added = (
      await run<{ number: number; before: number; from: number; to: number }[]>(address, id, 'add')
    ).flat();
    added.sort((a, b) => a.number - b.number);
    assert.deepEqual(
      added.map(({ number }) => number),
      Array.from({ length: workers * 5 }, (_, i) => i),
    );
    assert.ok(added.every(({ number, before }) => number === before));
    for (const [i, { from }] of added.entries()) if (i > 0) assert.ok(from >= added[i - 1]!.to - 1, `${i}`);
    assert.equal((await storage.trials(id)).length, workers * 5);
  });

  test('8 processes that open a new storage and make the same study make it once', async (t) => {
    const address = await kind.address();
    const created = await run<boolean>(address, 0, 'create');
    assert.equal(created.filter(Boolean).length, 1);
    const storage = await openStorage(address);
    t.after(() => storage.close());
    assert.equal((await storage.listStudies()).length, 1);
  });

  test('what a killed process had finished is finished, and others go on', async (t) => {
    const { address, storage, id } = await withStudy(kind, t, 2000);
    const told: number[] = [];
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, [script, address, String(id), 'tell'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (data) => (output += String(data)));
      await once(child.stdout, 'data');
      await delay(20 + 37 * round);
      child.kill('SIGKILL');
      await once(child, 'close');
      // The last number may be cut off.
      told.push(...output.split('\n').slice(0, -1).map(Number));
    }
    assert.ok(told.length >= 6);
    const trials = await storage.trials(id);
    const complete = trials.filter(({ state }) => state === 'complete');
    for (const number of told) assert.equal(trials[number]!.state, 'complete', `trial ${number}`);
    // At most one a round was finished and could not be told any more.
    assert.ok(complete.length >= told.length && complete.length <= told.length + 6);
    for (const { values, reports, attempt } of complete)
      assert.deepEqual([values, reports.length, attempt], [[1, 2], 1, 1]);
    const [next] = await storage.claim(id, { count: 1, worker: 'w', lease: 60_000 });
    assert.equal(trials[next!.trial.number]!.state, 'waiting');
  });
}
