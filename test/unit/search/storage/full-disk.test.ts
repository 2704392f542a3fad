import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openStorage } from '../../../../lib/search/storage/open.ts';
import { definition, point } from '../../../conformance/storage/data.ts';

const disk = mkdtempSync(join(tmpdir(), 'lrdist-full-disk-'));

/** A disk of 512 kB in memory; only root may make one. */
function mount(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'none', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const mounted = mount();
after(() => {
  if (mounted) execFileSync('umount', ['--lazy', disk]);
  rmSync(disk, { recursive: true });
});

for (const file of ['study.db', 'study.log'])
  test(`a full disk costs ${file} nothing that was finished`, { skip: !mounted && 'no right to mount' }, async () => {
    const storage = await openStorage(join(disk, file));
    const { id } = await storage.createStudy(definition);
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(128 * 1024));
    let finished = 0;
    let added = 0;
    const work = async () => {
      await storage.locked(id, ({ add }) => add(Array.from({ length: 40 }, (_, i) => point(i))));
      added += 40;
      for (const claim of await storage.claim(id, { count: 5, worker: 'w', lease: 1 }))
        if (await storage.finish(id, claim, { state: 'complete', values: [1, 2] })) finished++;
    };
    await assert.rejects(
      async () => {
        for (;;) await work();
      },
      { code: 'ERR_STORAGE', remedy: /Make room/ },
    );
    assert.ok(finished > 0);
    const complete = async () => (await storage.trials(id)).filter(({ state }) => state === 'complete').length;
    assert.equal(await complete(), finished);
    // All of a call or nothing.
    assert.equal((await storage.trials(id)).length, added);
    rmSync(ballast);
    await work();
    assert.equal(await complete(), finished);
    await storage.close();
    const again = await openStorage(join(disk, file));
    assert.equal((await again.trials(id)).filter(({ state }) => state === 'complete').length, finished);
    await again.close();
    // SQLite's -wal file may be left where there was no room to merge it.
    for (const left of readdirSync(disk)) rmSync(join(disk, left));
  });

test('of a call that does not fit, a journal keeps nothing', { skip: !mounted && 'no right to mount' }, async () => {
  const path = join(disk, 'study.log');
  const storage = await openStorage(path);
  const { id } = await storage.createStudy(definition);
  const before = readFileSync(path, 'utf8');
  const ballast = join(disk, 'ballast');
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(ballast, Buffer.alloc((bavail - 4) * bsize)); // Room for some of the lines.
  const adding = storage.locked(id, ({ add }) => add(Array.from({ length: 100 }, (_, i) => point(i))));
  await assert.rejects(adding, { code: 'ERR_STORAGE' });
  assert.equal(readFileSync(path, 'utf8'), before);
  assert.deepEqual(await storage.trials(id), []);
});
