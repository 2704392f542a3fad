import { Kysely, PostgresDialect, sql } from 'kysely';
import type { Backend } from '../backend.ts';
import { SqlBackend } from './backend.ts';
import type { Flavour } from './flavour.ts';
import { migrate } from './migrations.ts';
import { understandPostgres } from './postgres-errors.ts';
import { retry } from '../retry.ts';
import type { Tables } from './tables.ts';

/** Keeps our advisory locks apart from those of other programs in the same database: "lrdi". */
const lockClass = 0x6c726469;

const bigint = 20;

/** @throws ERR_STORAGE if the server cannot be reached or refuses, ERR_STORAGE_VERSION */
export async function openPostgres(
  url: string,
  { patience = 120_000 }: { readonly patience?: number },
): Promise<Backend> {
  const address = withoutPassword(url);
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'lrdist',
    max: 4,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: 10_000,
    // No answer: the server or the way to it is gone without a word. Above that which the lock of a study may take.
    query_timeout: 120_000,
    // A worker that vanished in the middle of a transaction must not hold its locks for hours.
    idle_in_transaction_session_timeout: 60_000,
    types: {
      // 64-bit integers are times here and fit a number; pg gives them as text.
      getTypeParser: (oid: number, format?: 'text' | 'binary'): unknown =>
        oid === bigint ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  // A connection that breaks while nothing runs on it is replaced at the next call; without a listener it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const flavour: Flavour = {
    kind: 'postgres',
    address,
    now: sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`,
    lockStudy: async (tx, study) => {
      await sql`select pg_advisory_xact_lock(${sql.lit(lockClass)}, ${study})`.execute(tx);
    },
    understand: (error) => understandPostgres(error, address),
    pause: [100, 5_000],
    patience,
  };
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  try {
    await retry({ ...flavour, patience: Math.min(patience, 15_000) }, () => migrate(db, flavour));
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return new SqlBackend(db, flavour);
}

/** For messages. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return url.replace(/:[^:@/]*@/, '@');
  const parsed = new URL(url);
  parsed.password = '';
  parsed.searchParams.delete('password');
  return parsed.href;
}
