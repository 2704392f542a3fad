import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type BetterSqlite3 from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  Kysely,
  SqliteAdapter,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
  type TransactionSettings,
} from 'kysely';
import { LrdistError } from '../../../errors.ts';
import type { Backend } from '../backend.ts';
import { SqlBackend } from './backend.ts';
import type { Flavour } from './flavour.ts';
import { applicationId, migrate } from './migrations.ts';
import { retry } from '../retry.ts';
import { understandSqlite } from './sqlite-errors.ts';
import type { Tables } from './tables.ts';

/** SQLite waits for a lock by sleeping in the JavaScript thread, so it is let wait only this long (ms) at a time; the rest of the waiting is done by `retry`. */
const busyTimeout = 5;

/** Milliseconds between two transactions of a process that write, in which another process gets the lock. */
const courtesy = 2;

export interface SqliteOptions {
  /** Milliseconds for which a locked file is tried again. */
  readonly patience?: number;
  /** Is given every connection when it is opened: for settings of SQLite. */
  readonly onOpen?: (file: BetterSqlite3.Database) => void;
}

/** @throws ERR_STORAGE if the file is not ours or cannot be opened, ERR_STORAGE_VERSION */
export async function openSqlite(
  path: string,
  address: string,
  { patience = 120_000, onOpen }: SqliteOptions,
): Promise<Backend> {
  const { default: Database } = await import('better-sqlite3');
  const flavour: Flavour = {
    kind: 'sqlite',
    address,
    now: sql<number>`cast(unixepoch('subsec') * 1000 as integer)`,
    lockStudy: async () => undefined, // A transaction that writes is alone in the whole file.
    understand: (error) => understandSqlite(error, address),
    pause: [1, 4],
    patience,
  };
  return retry(flavour, async () => {
    const file = new Database(resolve(path), { timeout: busyTimeout });
    const db = new Kysely<Tables>({ dialect: dialect(file) });
    try {
      checkOurs(file, address);
      prepare(file);
      onOpen?.(file);
      await migrate(db, flavour);
      return new SqlBackend(db, flavour);
    } catch (error) {
      file.close();
      throw error;
    }
  });
}

/** Before anything is written: the file is empty, or lrdist made it. */
function checkOurs(file: BetterSqlite3.Database, address: string): void {
  if (file.pragma('application_id', { simple: true }) === applicationId) return;
  const foreign = file
    .prepare<[], { name: string }>(
      "select name from sqlite_master where name not like 'sqlite\\_%' escape '\\' and name not like 'lrdist\\_%' escape '\\' limit 1",
    )
    .get();
  if (foreign === undefined) return;
  throw new LrdistError('ERR_STORAGE', `${address} is an SQLite file of another program (it has "${foreign.name}")`, {
    remedy: 'Give another path. The file was not changed.',
  });
}

/**
 * WAL: readers and the writer do not wait for each other. `synchronous = full`: what is committed is on the disk, so that neither a kill nor a loss of power costs a
 * finished trial (with `normal`, a loss of power may take the last commits back). It costs one fsync, some milliseconds, a commit; trials take minutes.
 */
function prepare(file: BetterSqlite3.Database): void {
  if (file.pragma('journal_mode', { simple: true }) !== 'wal') file.pragma('journal_mode = wal');
  file.pragma('synchronous = full');
  file.pragma('foreign_keys = on');
}

function dialect(file: BetterSqlite3.Database): Dialect {
  return {
    createDriver: () => new ImmediateDriver(file),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new TransactionalAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  };
}

/** Takes the lock for writing at the beginning of a transaction. Taken later, it may be refused because of what others wrote in between. */
class ImmediateDriver extends SqliteDriver {
  readonly #file: BetterSqlite3.Database;
  #released = -Infinity;

  constructor(file: BetterSqlite3.Database) {
    super({ database: file });
    this.#file = file;
  }

  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    if (settings?.accessMode === 'read only') return run(connection, 'begin');
    // SQLite has no queue: a process that takes the lock again as soon as it has let go of it would keep it from all others.
    if (performance.now() - this.#released < courtesy) await delay(courtesy);
    await run(connection, 'begin immediate');
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await run(connection, 'commit');
    this.#released = performance.now();
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // SQLite has rolled back by itself after some errors, a full disk among them.
    if (this.#file.inTransaction) await run(connection, 'rollback');
  }
}

async function run(connection: DatabaseConnection, command: string): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw(command));
}

/** Lets kysely run migrations in a transaction, which is what keeps processes that open a new file at once from each other. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}
