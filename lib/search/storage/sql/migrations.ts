import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { LrdistError } from '../../../errors.ts';
import type { Flavour } from './flavour.ts';
import type { Tables } from './tables.ts';

const migrationTable = 'lrdist_migrations';

/** Says "made by lrdist" in the header of an SQLite file: "lrdi". */
export const applicationId = 0x6c726469;

/** By name, in this order. Never changed once released: a change of the schema is another one at the end. */
function migrations(kind: Flavour['kind']): Readonly<Record<string, Migration>> {
  return {
    '0001_studies_trials_reports': { up: (db: Kysely<unknown>) => createTables(db, kind) },
    '0002_lost_attempts': { up: addLostAttempts },
  };
}

/**
 * Brings the schema up to date; any number of processes may do so at once.
 * @throws ERR_STORAGE_VERSION if a newer lrdist has been there
 */
export async function migrate(db: Kysely<Tables>, { kind, address }: Flavour): Promise<void> {
  const known = migrations(kind);
  const done = await doneMigrations(db);
  const newer = done.find((name) => !Object.hasOwn(known, name));
  if (newer !== undefined)
    throw new LrdistError('ERR_STORAGE_VERSION', `storage ${address} was changed by a newer lrdist (${newer})`, {
      remedy: 'Update lrdist on this machine, or use another storage. Nothing was changed.',
    });
  if (done.length === Object.keys(known).length) return;
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...known }) },
    migrationTableName: migrationTable,
    migrationLockTableName: `${migrationTable}_lock`,
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

async function doneMigrations(db: Kysely<Tables>): Promise<readonly string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === migrationTable)) return [];
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(migrationTable)}`.execute(db);
  return rows.map(({ name }) => name);
}

async function addLostAttempts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('lrdist_trials')
    .addColumn('lost', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
}

async function createTables(db: Kysely<unknown>, kind: Flavour['kind']): Promise<void> {
  await db.schema
    .createTable('lrdist_studies')
    .addColumn('id', kind === 'postgres' ? 'serial' : 'integer', (column) =>
      // Without "autoincrement" SQLite would give the id of a deleted study to the next one.
      kind === 'postgres' ? column.primaryKey() : column.primaryKey().autoIncrement(),
    )
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('definition', 'text', (column) => column.notNull())
    .addColumn('created', 'bigint', (column) => column.notNull())
    .addColumn('request', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('lrdist_trials')
    .addColumn('study_id', 'integer', (column) => column.notNull().references('lrdist_studies.id'))
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('origin', 'text', (column) => column.notNull())
    .addColumn('parameters', 'text', (column) => column.notNull())
    .addColumn('objective_values', 'text')
    .addColumn('constraint_values', 'text')
    .addColumn('attributes', 'text', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('error', 'text')
    .addColumn('created', 'bigint', (column) => column.notNull())
    .addColumn('started', 'bigint')
    .addColumn('finished', 'bigint')
    .addColumn('worker', 'text')
    .addColumn('token', 'text')
    .addColumn('lease_until', 'bigint')
    .addColumn('request', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('lrdist_trials_pk', ['study_id', 'number'])
    .execute();
  await db.schema
    .createIndex('lrdist_trials_state')
    .on('lrdist_trials')
    .columns(['study_id', 'state', 'number'])
    .execute();
  await db.schema
    .createTable('lrdist_reports')
    .addColumn('study_id', 'integer', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('step', 'integer', (column) => column.notNull())
    .addColumn('objective_values', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('lrdist_reports_pk', ['study_id', 'number', 'step'])
    .addForeignKeyConstraint('lrdist_reports_trial', ['study_id', 'number'], 'lrdist_trials', ['study_id', 'number'])
    .execute();
  if (kind === 'sqlite') await sql`pragma application_id = ${sql.lit(applicationId)}`.execute(db);
}
