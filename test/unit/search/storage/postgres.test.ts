import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openStorage } from '../../../../lib/search/storage/open.ts';
import type { Storage } from '../../../../lib/search/storage/storage.ts';
import { definition, point } from '../../../conformance/storage/data.ts';
import { findPostgres, type PostgresServer, startPostgres } from '../../../helpers/postgres.ts';
import { startProxy } from './proxy.ts';

const skip = findPostgres() === undefined && 'PostgreSQL is not installed';

describe('PostgreSQL', { skip }, () => {
  let server: PostgresServer;
  let made = 0;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.stop());

  async function open(t: { after(action: () => Promise<void>): void }, address?: string): Promise<Storage> {
    const storage = await openStorage(address ?? (await server.database(`unit_${++made}`)));
    t.after(() => storage.close());
    return storage;
  }

  test('broken connections and a restart of the server are got over', async (t) => {
    const storage = await open(t);
    const { id } = await storage.createStudy(definition);
    for (let round = 0; round < 10; round++) {
      const adding = storage.locked(id, async ({ trials, add }) => {
        assert.equal((await trials()).length, round);
        return add([point(round)]);
      });
      await Promise.all([adding, server.breakConnections()]);
    }
    await server.crash(300);
    const claims = await storage.claim(id, { count: 20, worker: 'w', lease: 60_000 });
    assert.equal(claims.length, 10);
    for (const claim of claims) {
      const finishing = storage.finish(id, claim, { state: 'complete', values: [1, 2] });
      assert.deepEqual(await Promise.all([finishing, server.breakConnections()]), [true, undefined]);
    }
    assert.deepEqual(
      (await storage.trials(id)).map(({ state, attempt }) => [state, attempt]),
      Array.from({ length: 10 }, () => ['complete', 1]),
    );
  });

  test('an action under the lock is run again, and adds once', async (t) => {
    const storage = await open(t);
    const { id } = await storage.createStudy(definition);
    let runs = 0;
    await storage.locked(id, async ({ add }) => {
      await add([point()]);
      if (++runs === 1) await server.breakConnections();
      return add([point()]);
    });
    assert.equal(runs, 2);
    assert.equal((await storage.trials(id)).length, 2);
  });

  test('what was done, but whose answer was lost, is not done twice', async (t) => {
    const database = await server.database(`unit_${++made}`);
    const proxy = await startProxy(database);
    t.after(() => proxy.stop());
    const storage = await open(t, proxy.address);
    const lossy = async <T>(call: () => Promise<T>): Promise<T> => {
      proxy.loseNextCommit();
      const result = await call();
      assert.equal(proxy.lost(), 1);
      return result;
    };
    const study = await lossy(() => storage.createStudy(definition));
    const { id } = study;
    assert.deepEqual(await storage.findStudy('one'), study);
    // Reads the definition, which is then known: from here on the only commits are those of the calls themselves.
    await storage.locked(id, async () => undefined);
    await lossy(() => storage.locked(id, ({ add }) => add([point(0), point(1)])));
    const attached = { ...point(2), origin: 'attached', state: 'complete', values: [1, 2] } as const;
    const [third] = await lossy(() => storage.attach(id, [attached]));
    assert.equal(third!.number, 2);
    const claims = await lossy(() => storage.claim(id, { count: 1, worker: 'w', lease: 60_000 }));
    assert.deepEqual(
      claims.map(({ trial }) => [trial.number, trial.attempt]),
      [[0, 1]],
    );
    const [claim] = claims;
    assert.deepEqual(await lossy(() => storage.renew(id, claims, 60_000)), claims);
    assert.ok(await lossy(() => storage.report(id, claim!, { step: 1, values: [1, 2] })));
    assert.ok(await lossy(() => storage.annotate(id, claim!, { a: 1 })));
    assert.ok(await lossy(() => storage.finish(id, claim!, { state: 'complete', values: [3, 4] })));
    const [second] = await storage.claim(id, { count: 1, worker: 'w', lease: 60_000 });
    await lossy(() => storage.release(id, [second!]));
    assert.deepEqual(
      (await storage.trials(id)).map(({ state, attempt, reports, attributes }) => [
        state,
        attempt,
        reports.length,
        attributes,
      ]),
      [
        ['complete', 1, 1, { a: 1 }],
        ['waiting', 1, 0, {}],
        ['complete', 0, 0, {}],
      ],
    );
    assert.equal(await lossy(() => storage.deleteStudy('one')), true);
    assert.deepEqual(await storage.listStudies(), []);
  });

  test('workers that open an empty database at once make the schema once', async (t) => {
    const address = await server.database(`unit_${++made}`);
    const storages = await Promise.all(Array.from({ length: 6 }, () => open(t, address)));
    const { id } = await storages[0]!.createStudy(definition);
    assert.equal((await storages[5]!.findStudy('one'))!.id, id);
  });

  test('a newer storage, a database that is not there and a server that is not there are told', async (t) => {
    const address = await server.database(`unit_${++made}`);
    await (await open(t, address)).close();
    const { default: pg } = await import('pg');
    const client = new pg.Client(address);
    await client.connect();
    await client.query("insert into lrdist_migrations values ('9999_future', '2030-01-01T00:00:00.000Z')");
    await client.end();
    await assert.rejects(openStorage(address), { code: 'ERR_STORAGE_VERSION', message: /9999_future/ });
    await assert.rejects(openStorage(address.replace(/unit_\d+$/, 'none')), {
      code: 'ERR_STORAGE',
      remedy: /createdb/,
    });
    await assert.rejects(openStorage('postgres://x@127.0.0.1:1/d', { patience: 50 }), {
      code: 'ERR_STORAGE',
      message: /ECONNREFUSED/,
      remedy: /server runs/,
    });
  });
});
