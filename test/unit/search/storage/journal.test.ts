import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FileLock } from '../../../../lib/search/storage/journal/lock.ts';
import { openStorage } from '../../../../lib/search/storage/open.ts';
import { definition, point } from '../../../conformance/storage/data.ts';
import { temporaryFolder } from '../../../helpers/temporary.ts';

const folder = temporaryFolder();
let made = 0;
const newPath = () => join(folder, `${++made}.log`);
const lines = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n');

async function filled(count = 2) {
  const path = newPath();
  const storage = await openStorage(path);
  const { id } = await storage.createStudy(definition);
  await storage.locked(id, ({ add }) => add(Array.from({ length: count }, (_, i) => point(i))));
  return { path, storage, id };
}

test('a last line without its end is passed over, and taken away by the next writer', async () => {
  const { path, storage, id } = await filled();
  const before = lines(path);
  appendFileSync(path, '{"op_code":6,"worker_id":"dead","trial_id":0,"st');
  assert.equal((await storage.trials(id)).length, 2);
  const fresh = await openStorage(path);
  assert.equal((await fresh.trials(id)).length, 2);
  const [claim] = await fresh.claim(id, { count: 1, worker: 'w', lease: 1000 });
  assert.equal(claim!.trial.number, 0);
  assert.deepEqual(lines(path).slice(0, before.length), before);
  for (const line of lines(path)) JSON.parse(line);
});

test('a study whose maker died in the middle is completed by the next', async () => {
  const { path } = await filled(0);
  const text = lines(path);
  assert.equal(text.length, 4);
  for (let kept = 1; kept < 4; kept++) {
    const torn = newPath();
    writeFileSync(torn, `${text.slice(0, kept).join('\n')}\n`);
    const storage = await openStorage(torn);
    assert.equal(await storage.findStudy('one'), undefined);
    const study = await storage.createStudy(definition);
    assert.deepEqual(await storage.findStudy('one'), study);
    await storage.locked(study.id, ({ add }) => add([point()]));
    assert.equal((await storage.trials(study.id)).length, 1);
  }
});

test('a finish that was half written is as none', async () => {
  const { path, storage, id } = await filled(1);
  const [claim] = await storage.claim(id, { count: 1, worker: 'w', lease: 1 });
  await storage.finish(id, claim!, { state: 'failed', values: null, attributes: { a: 1 }, error: 'x' });
  const whole = readFileSync(path, 'utf8');
  truncateSync(path, whole.trimEnd().lastIndexOf('\n') + 20);
  const [trial] = await (await openStorage(path)).trials(id);
  assert.equal(trial!.state, 'running');
  // The storage that has read on sees the shorter file for what it is.
  await delay(20);
  const [again] = await storage.claim(id, { count: 1, worker: 'w', lease: 60_000 });
  assert.equal(again!.trial.attempt, 2);
});

test('a damaged line is named, and the file left as it is', async () => {
  const { path } = await filled();
  const text = lines(path);
  text[4] = text[4]!.slice(0, 30);
  writeFileSync(path, `${text.join('\n')}\n`);
  const before = readFileSync(path);
  await assert.rejects(openStorage(path), { code: 'ERR_STORAGE', message: /^line 5 of / });
  assert.deepEqual(readFileSync(path), before);
});

test('what is no journal is refused and left as it is', async () => {
  for (const content of ['2026-01-01 INFO started\nmore\n', 'a log without an end of line', '{"a":1}\n', '[]\n']) {
    const path = newPath();
    writeFileSync(path, content);
    await assert.rejects(
      async () => {
        const storage = await openStorage(path);
        await storage.createStudy(definition);
      },
      { code: 'ERR_STORAGE' },
      content,
    );
    assert.equal(readFileSync(path, 'utf8'), content);
    assert.ok(!existsSync(`${path}.lock`));
  }
});

test('a study of a newer lrdist is refused', async () => {
  const { path } = await filled(0);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"version":1', '"version":2'));
  await assert.rejects(openStorage(path), { code: 'ERR_STORAGE_VERSION', remedy: /Update/ });
});

test("Optuna's lock, a symbolic link, is respected", async () => {
  const { path, storage, id } = await filled();
  symlinkSync(path, `${path}.lock`);
  const claiming = storage.claim(id, { count: 1, worker: 'w', lease: 1000 });
  assert.equal(await Promise.race([claiming, delay(200, 'waiting')]), 'waiting');
  rmSync(`${path}.lock`);
  assert.equal((await claiming).length, 1);
});

test('the lock of a process of this machine that died is broken at once', async () => {
  const { path, storage, id } = await filled();
  const module = join(import.meta.dirname, '../../../../lib/search/storage/journal/lock.ts');
  const script = `const { FileLock } = await import(${JSON.stringify(module)});
    await FileLock.acquire(${JSON.stringify(path)}, 1000); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const claiming = storage.claim(id, { count: 1, worker: 'w', lease: 1000 });
  assert.equal(await Promise.race([claiming, delay(200, 'waiting')]), 'waiting');
  child.kill('SIGKILL');
  const start = performance.now();
  assert.equal((await claiming).length, 1);
  assert.ok(performance.now() - start < 5000);
});

test("another machine's lock is broken when it has not been touched for long", async () => {
  const path = newPath();
  writeFileSync(`${path}.lock`, 'another-machine 1 token\n');
  const start = performance.now();
  const touching = setInterval(() => utimesSync(`${path}.lock`, new Date(), new Date()), 30);
  setTimeout(() => clearInterval(touching), 400);
  const lock = await FileLock.acquire(path, 10_000, 200);
  assert.ok(performance.now() - start > 500);
  await lock.release();
  assert.ok(!existsSync(`${path}.lock`));
});

test('a lock that is not to be had in time is an error', async () => {
  const path = newPath();
  writeFileSync(`${path}.lock`, '');
  await assert.rejects(FileLock.acquire(path, 50), { code: 'ERR_STORAGE', remedy: /delete that file/ });
});

test('who lost the lock writes nothing', async () => {
  const { path, storage, id } = await filled();
  const before = readFileSync(path, 'utf8');
  let runs = 0;
  const added = await storage.locked(id, async ({ add }) => {
    if (++runs === 1) {
      // As if this process had slept, and another had broken its lock, written, and was gone again.
      rmSync(`${path}.lock`);
      const other = await openStorage(path);
      await other.locked(id, (locked) => locked.add([point(7)]));
    }
    return add([point(8)]);
  });
  assert.deepEqual(
    added.map(({ number }) => number),
    [3],
  );
  assert.equal(runs, 2);
  assert.equal(lines(path).length, before.trimEnd().split('\n').length + 2);
});
