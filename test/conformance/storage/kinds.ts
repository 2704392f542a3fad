import { after, before } from 'node:test';
import { join } from 'node:path';
import { openStorage } from '../../../lib/search/storage/open.ts';
import type { Storage, StoredStudy } from '../../../lib/search/storage/storage.ts';
import { findPostgres, type PostgresServer, startPostgres } from '../../helpers/postgres.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';
import { definition, point } from './data.ts';

/** A kind of storage under test. */
export interface Kind {
  readonly name: string;
  /** Whether other processes see it. */
  readonly shared: boolean;
  /** Of an empty storage that nobody else has. */
  address(): Promise<string>;
}

const folder = temporaryFolder();
let made = 0;
let server: PostgresServer | undefined;

export const memory: Kind = { name: 'memory', shared: false, address: async () => 'memory:' };
const sqlite: Kind = { name: 'sqlite', shared: true, address: async () => join(folder, `${++made}.db`) };
const journal: Kind = { name: 'journal', shared: true, address: async () => join(folder, `${++made}.log`) };
const postgres: Kind = {
  name: 'postgres',
  shared: true,
  address: async () => server!.database(`test_${++made}`),
};

export function kinds(): readonly Kind[] {
  if (findPostgres() === undefined) {
    console.log('PostgreSQL is not installed: its storage is not tested (apt-get install postgresql)');
    return [memory, sqlite, journal];
  }
  before(async () => {
    server = await startPostgres();
  });
  after(() => server?.stop());
  return [memory, sqlite, journal, postgres];
}

/** An open storage with one study of `count` waiting trials; closed at the end of the test. */
export async function withStudy(
  kind: Kind,
  t: { after(action: () => Promise<void>): void },
  count = 0,
): Promise<{ address: string; storage: Storage; study: StoredStudy; id: number }> {
  const address = await kind.address();
  const storage = await openStorage(address);
  t.after(() => storage.close());
  const study = await storage.createStudy(definition);
  if (count > 0) await storage.locked(study.id, ({ add }) => add(Array.from({ length: count }, (_, i) => point(i))));
  return { address, storage, study, id: study.id };
}
