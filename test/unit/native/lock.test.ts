import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLock } from '../../../lib/native/lock.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const folder = temporaryFolder();
let count = 0;
const fresh = (): string => join(folder, `lock-${count++}`);

/** The number of a process that has ended. */
const gone = (): number => spawnSync(process.execPath, ['-e', '']).pid;

test('the work of several is done one after the other, and the lock goes', async () => {
  const path = fresh();
  const log: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    log.push(`${name} in`);
    await sleep(20);
    log.push(`${name} out`);
  };
  await Promise.all(['a', 'b', 'c'].map((name) => withLock(path, work(name), { pollMs: 5 })));
  for (let i = 0; i < log.length; i += 2) assert.equal(log[i]!.replace('in', 'out'), log[i + 1]);
  assert.equal(log.length, 6);
  assert.ok(!existsSync(path));
});

test('the lock goes when the work fails', async () => {
  const path = fresh();
  await assert.rejects(
    withLock(path, () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.ok(!existsSync(path));
});

test('a lock whose owner has ended is taken over at once', async () => {
  const path = fresh();
  writeFileSync(path, JSON.stringify({ pid: gone(), host: hostname(), started: '1' }));
  assert.equal(await withLock(path, async () => 'done'), 'done');
});

test('a lock whose number now belongs to another process is taken over', async () => {
  const path = fresh();
  writeFileSync(path, JSON.stringify({ pid: process.pid, host: hostname(), started: '1' }));
  assert.equal(await withLock(path, async () => 'done'), 'done');
});

test('a lock of another machine is respected while it is touched, and taken over when it is not', async () => {
  const path = fresh();
  const held = { pid: 1, host: 'elsewhere', started: '1' };
  writeFileSync(path, JSON.stringify(held));
  const owners: string[] = [];
  const waiting = withLock(path, async () => 'done', {
    pollMs: 5,
    onWait: (owner) => owners.push(owner),
    staleMs: 10_000,
  });
  await sleep(50);
  assert.deepEqual(owners, ['process 1 on elsewhere']);
  const old = new Date(Date.now() - 11_000);
  utimesSync(path, old, old);
  assert.equal(await waiting, 'done');
});

test('an owner keeps its lock fresh for as long as it works', async () => {
  const path = fresh();
  const log: string[] = [];
  const first = withLock(path, () => sleep(250).then(() => log.push('first')), { staleMs: 100 });
  const second = withLock(path, async () => log.push('second'), { staleMs: 100, pollMs: 5 });
  await Promise.all([first, second]);
  assert.deepEqual(log, ['first', 'second']);
});

test('waiting can be stopped', async () => {
  const path = fresh();
  writeFileSync(path, JSON.stringify({ pid: 1, host: 'elsewhere', started: '1' }));
  await assert.rejects(
    withLock(path, async () => 'done', { signal: AbortSignal.timeout(30), pollMs: 1000 }),
    { name: 'AbortError' },
  );
  assert.ok(existsSync(path));
});
