import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { GuardedStorage } from '../../../../lib/search/storage/guarded.ts';
import { openStorage } from '../../../../lib/search/storage/open.ts';
import { openSqlite } from '../../../../lib/search/storage/sql/sqlite.ts';
import { definition, point } from '../../../conformance/storage/data.ts';
import { temporaryFolder } from '../../../helpers/temporary.ts';

const folder = temporaryFolder();
let made = 0;
const newPath = () => join(folder, `${++made}.db`);

/** A storage with one finished trial, closed again. */
async function filled(): Promise<string> {
  const path = newPath();
  const storage = await openStorage(path);
  const { id } = await storage.createStudy(definition);
  await storage.attach(id, [{ ...point(), origin: 'attached', state: 'complete', values: [1, 2] }]);
  await storage.close();
  return path;
}

test('commits are on the disk, and readers do not wait for the writer', async () => {
  let pragmas: unknown[] = [];
  const backend = await openSqlite(newPath(), 'x', {
    onOpen: (file) => {
      pragmas = ['journal_mode', 'synchronous', 'foreign_keys'].map((name) => file.pragma(name, { simple: true }));
    },
  });
  await backend.close();
  assert.deepEqual(pragmas, ['wal', 2, 1]);
});

test('the schema of an empty file is made once, and a file opens again', async () => {
  const path = newPath();
  writeFileSync(path, '');
  await (await openStorage(path)).close();
  await (await openStorage(path)).close();
  const file = new Database(path, { readonly: true });
  assert.deepEqual(file.prepare('select name from lrdist_migrations').all(), [
    { name: '0001_studies_trials_reports' },
    { name: '0002_lost_attempts' },
  ]);
  assert.equal(file.pragma('application_id', { simple: true }), 0x6c726469);
  file.close();
});

test('a file of an older lrdist is brought up to date, with all that is in it', async () => {
  const path = await filled();
  const file = new Database(path);
  file.exec("alter table lrdist_trials drop column lost; delete from lrdist_migrations where name > '0001z'");
  file.close();
  const storage = await openStorage(path);
  const { id } = (await storage.findStudy('one'))!;
  assert.deepEqual(
    (await storage.trials(id)).map(({ values, lost }) => [values, lost]),
    [[[1, 2], 0]],
  );
  await storage.close();
});

test('a newer storage is refused and left as it is', async () => {
  const path = await filled();
  const file = new Database(path);
  file.exec("insert into lrdist_migrations values ('9999_future', '2030-01-01T00:00:00.000Z')");
  file.pragma('wal_checkpoint(truncate)');
  file.close();
  const before = readFileSync(path);
  await assert.rejects(openStorage(path), { code: 'ERR_STORAGE_VERSION', message: /9999_future/, remedy: /Update/ });
  assert.deepEqual(readFileSync(path), before);
});

test("another program's file is refused and left as it is", async () => {
  const path = newPath();
  const file = new Database(path);
  file.exec('create table trials (x)');
  file.close();
  const before = readFileSync(path);
  await assert.rejects(openStorage(path), { code: 'ERR_STORAGE', message: /"trials"/ });
  assert.deepEqual(readFileSync(path), before);
});

test('what is no SQLite file is refused and left as it is', async () => {
  const path = newPath();
  writeFileSync(path, 'pair,seed,score\n'.repeat(100));
  const before = readFileSync(path);
  await assert.rejects(openStorage(path), { code: 'ERR_STORAGE', message: /is not an SQLite file/ });
  assert.deepEqual(readFileSync(path), before);
});

test('a damaged file is told, and left as it is', async () => {
  const path = await filled();
  const bytes = readFileSync(path);
  bytes.fill(0xff, 4096); // All pages but the first.
  writeFileSync(path, bytes);
  const use = async () => {
    const storage = await openStorage(path);
    try {
      await storage.trials((await storage.findStudy('one'))!.id);
    } finally {
      await storage.close();
    }
  };
  await assert.rejects(use(), { code: 'ERR_STORAGE', message: /is damaged/, remedy: /recover/ });
  assert.deepEqual(readFileSync(path), bytes);
});

test('a full disk is told, nothing is lost, and with room it goes on', async (t) => {
  let file!: Database.Database;
  const storage = new GuardedStorage(await openSqlite(newPath(), 'full.db', { onOpen: (opened) => (file = opened) }));
  t.after(() => storage.close());
  const { id } = await storage.createStudy(definition);
  const pages = file.pragma('page_count', { simple: true }) as number;
  file.pragma(`max_page_count = ${pages + 5}`);
  let added = 0;
  const add = () => storage.locked(id, (locked) => locked.add(Array.from({ length: 20 }, (_, i) => point(i))));
  await assert.rejects(
    async () => {
      for (;;) added += (await add()).length;
    },
    { code: 'ERR_STORAGE', message: /disk is full/, remedy: /Make room/ },
  );
  assert.ok(added > 0);
  assert.equal((await storage.trials(id)).length, added);
  file.pragma('max_page_count = 100000');
  assert.equal((await add())[0]!.number, added);
  const [claim] = await storage.claim(id, { count: 1, worker: 'w', lease: 1000 });
  assert.ok(await storage.finish(id, claim!, { state: 'complete', values: [1, 2] }));
});

test('a file that another process holds is waited for, and timers go on meanwhile', async (t) => {
  const path = await filled();
  const storage = await openStorage(path);
  t.after(() => storage.close());
  const other = new Database(path);
  t.after(() => other.close());
  other.exec('begin immediate');
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  setTimeout(() => other.exec('commit'), 300);
  const study = await storage.createStudy({ ...definition, name: 'two' });
  clearInterval(ticking);
  assert.equal(study.name, 'two');
  assert.ok(ticks > 10, `${ticks}`);
});

test('a file that is held for too long is an error', async (t) => {
  const path = await filled();
  const storage = await openStorage(path, { patience: 100 });
  t.after(() => storage.close());
  const other = new Database(path);
  t.after(() => other.close());
  other.exec('begin immediate');
  await assert.rejects(storage.createStudy({ ...definition, name: 'two' }), {
    code: 'ERR_STORAGE',
    message: /another process/,
  });
  // Reading needs no lock.
  assert.equal((await storage.listStudies()).length, 1);
  other.exec('commit');
  await delay(1);
  await storage.createStudy({ ...definition, name: 'two' });
});

test('a file without the right to write is read, and writing says why not', async () => {
  const place = mkdtempSync(join(tmpdir(), 'lrdist-read-only-'));
  const path = join(place, 'study.db');
  writeFileSync(path, readFileSync(await filled()));
  chmodSync(place, 0o777);
  chmodSync(path, 0o444);
  const script = `
    const { openStorage } = await import(${JSON.stringify(join(import.meta.dirname, '../../../../lib/search/storage/open.ts'))});
    // Root may write everything, so it becomes another user, once all modules are loaded: that user may not read them.
    await (await openStorage(${JSON.stringify(join(place, 'other.db'))})).close();
    if (process.getuid() === 0) process.seteuid(65534);
    const storage = await openStorage(${JSON.stringify(path)}, { patience: 100 });
    const study = await storage.findStudy('one');
    const trials = await storage.trials(study.id);
    const error = await storage.deleteStudy('one').catch((error) => error);
    console.log(JSON.stringify([trials.length, error.code, error.message, error.remedy]));
    await storage.close();`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  const [trials, code, message, remedy] = JSON.parse(output) as [number, string, string, string];
  assert.deepEqual([trials, code], [1, 'ERR_STORAGE']);
  assert.match(message, /may not be written/);
  assert.match(remedy, /rights/);
  rmSync(place, { recursive: true });
});
