import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { type Kind, withStudy } from './kinds.ts';

const workers = 8;

/** What each of 8 processes at once printed. */
async function run<T>(address: string, id: number, mode: string): Promise<T[]> {
  const script = join(import.meta.dirname, 'worker.ts');
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
}
