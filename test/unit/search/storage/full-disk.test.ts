import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
  if (mounted) execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

for (const file of ['study.db', 'study.log'])
  test(`a full disk costs ${file} nothing that was finished`, { skip: !mounted && 'no right to mount' }, async () => {
    const storage = await openStorage(join(disk, file));
    const { id } = await storage.createStudy(definition);
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(128 * 1024));
    let finished = 0;
    const work = async () => {
      await storage.locked(id, ({ add }) => add(Array.from({ length: 5 }, (_, i) => point(i))));
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
    rmSync(ballast);
    await work();
    assert.equal(await complete(), finished);
    await storage.close();
    const again = await openStorage(join(disk, file));
    assert.equal((await again.trials(id)).filter(({ state }) => state === 'complete').length, finished);
    await again.close();
    rmSync(join(disk, file));
  });
