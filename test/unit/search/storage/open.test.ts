import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStorage, parseAddress } from '../../../../lib/search/storage/open.ts';
import { withoutPassword } from '../../../../lib/search/storage/sql/postgres.ts';
import { temporaryFolder } from '../../../helpers/temporary.ts';

const folder = temporaryFolder();

test('addresses', () => {
  const right: Record<string, string> = {
    'memory:': 'memory',
    ':memory:': 'memory',
    'study.db': 'sqlite',
    '/a/b.sqlite3': 'sqlite',
    'sqlite:study': 'sqlite',
    'sqlite:/a/b.log': 'sqlite',
    'study.log': 'journal',
    'x.journal': 'journal',
    'journal:study.db': 'journal',
    'postgres://u:p@h/d': 'postgres',
    'postgresql://h:5433/d?sslmode=require': 'postgres',
  };
  for (const [address, kind] of Object.entries(right)) assert.equal(parseAddress(address).kind, kind, address);
  assert.equal(parseAddress('sqlite:a/b').where, 'a/b');
  for (const wrong of ['study', 'mysql://h/d', 'redis:x', 'sqlite:', 'sqlite:///a.db', 'postgres:d', 'study.csv', ''])
    assert.throws(() => parseAddress(wrong), { code: 'ERR_INVALID_OPTION', remedy: /postgres:\/\// }, wrong);
});

test('a file without a known ending is known by its content', () => {
  const [sqlite, journal] = [join(folder, 'a'), join(folder, 'b')];
  writeFileSync(sqlite, 'SQLite format 3\0');
  writeFileSync(journal, '{"op_code":0}');
  assert.equal(parseAddress(sqlite).kind, 'sqlite');
  assert.equal(parseAddress(journal).kind, 'journal');
});

test('a password is in no message', async () => {
  assert.equal(withoutPassword('postgres://me:secret@host/d'), 'postgres://me@host/d');
  assert.equal(withoutPassword('postgres://host/d?user=me&password=secret'), 'postgres://host/d?user=me');
  assert.throws(
    () => parseAddress('mysql://me:secret@host/d'),
    (error: Error) => !error.message.includes('secret'),
  );
  // Port 1 refuses.
  await assert.rejects(
    openStorage('postgres://me:secret@127.0.0.1:1/d', { patience: 1 }),
    (error: Error & { code?: string }) => error.code === 'ERR_STORAGE' && !error.message.includes('secret'),
  );
});

test('a folder that is not there is told, with the command that makes it', async () => {
  for (const file of ['x.db', 'x.log'])
    await assert.rejects(openStorage(join(folder, 'none', file)), { code: 'ERR_STORAGE', remedy: /mkdir -p/ });
});
