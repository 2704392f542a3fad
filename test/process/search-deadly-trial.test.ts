import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openStorage } from '../../lib/search/storage/open.ts';
import { findPostgres, startPostgres } from '../helpers/postgres.ts';
import { temporaryFolder } from '../helpers/temporary.ts';

const folder = temporaryFolder();
const worker = fileURLToPath(new URL('./fixtures/deadly-worker.ts', import.meta.url));
const server = findPostgres() === undefined ? undefined : await startPostgres();
after(() => server?.stop());

/** Workers one after the other until one comes to its end. @returns how many were killed */
async function workUntilDone(args: readonly string[]): Promise<number> {
  for (let killed = 0; killed < 20; killed++) {
    const child = spawn(process.execPath, [worker, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    if (signal !== 'SIGKILL') {
      assert.equal(code, 0);
      return killed;
    }
  }
  throw new Error('it is tried for ever');
}

const places = {
  sqlite: async (name: string) => join(folder, `${name}.db`),
  journal: async (name: string) => join(folder, `${name}.log`),
  postgres: async (name: string) => server!.database(name),
};
for (const [kind, addressOf] of Object.entries(places))
  for (const mode of ['lockstep', 'async'] as const)
    test(`${kind}, ${mode}: a trial that ends its process each time has failed after three attempts, and takes no other with it`, {
      timeout: 120_000,
      skip: kind === 'postgres' && server === undefined && 'PostgreSQL is not installed',
    }, async (t) => {
      const address = await addressOf(`${kind}_${mode}`);
      const log = join(folder, `${kind}-${mode}.txt`);
      assert.equal(await workUntilDone([address, mode, log]), 3);
      const storage = await openStorage(address);
      t.after(() => storage.close());
      const trials = await storage.trials((await storage.findStudy('deadly'))!.id);
      assert.deepEqual(
        trials.map(({ state, lost }) => [state, lost]),
        [
          ['complete', 2],
          ['failed', 3],
          ['complete', 2],
          ['complete', 0],
          ['complete', 0],
          ['complete', 0],
        ],
      );
      assert.match(trials[1]!.error!, /given up: its worker was lost 3 times/);
      // Without barriers the second batch is free to be run while the first one's lease still holds.
      const runs = readFileSync(log, 'utf8').trim().split('\n');
      assert.deepEqual(mode === 'async' ? runs.filter((run) => run !== '3 4 5') : runs.slice(0, -1), [
        '0 1 2',
        '0 1 2',
        '0',
        '1',
        '2',
      ]);
      assert.deepEqual(
        runs.filter((run) => run === '3 4 5'),
        ['3 4 5'],
      );
    });
