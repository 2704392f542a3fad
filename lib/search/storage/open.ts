import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { LrdistError } from '../../errors.ts';
import type { Backend } from './backend.ts';
import { GuardedStorage } from './guarded.ts';
import { openMemoryStorage } from './memory.ts';
import type { Storage } from './storage.ts';

export interface OpenStorageOptions {
  /** Milliseconds for which a lost connection or a locked file is tried again before it is an error. Default 120,000 (and 15,000 while opening). */
  readonly patience?: number;
}

const forms = [
  'memory:                 gone when the process ends',
  'PATH.db, sqlite:PATH    an SQLite file: one machine, any number of processes',
  'postgres://USER:PASSWORD@HOST/DATABASE    many machines',
  "PATH.log, journal:PATH  a file in Optuna's journal format: a disk that machines share",
].join('\n');

/**
 * Opens a storage by its address, and makes it if it is not there.
 * @throws ERR_INVALID_OPTION for an address of no known form, ERR_STORAGE, ERR_STORAGE_VERSION
 */
export async function openStorage(address: string, options: OpenStorageOptions = {}): Promise<Storage> {
  const place = parseAddress(address);
  if (place.kind === 'memory') return openMemoryStorage();
  return new GuardedStorage(await openers[place.kind](place.where, address, options));
}

type Opener = (where: string, address: string, options: OpenStorageOptions) => Promise<Backend>;

/** Loaded when needed: a database driver is half of the start-up time of a command that needs none. */
const openers: Readonly<Record<'sqlite' | 'postgres' | 'journal', Opener>> = {
  sqlite: async (path, address, options) => {
    checkFolder(path);
    return (await import('./sql/sqlite.ts')).openSqlite(path, address, options);
  },
  postgres: async (url, _, options) => (await import('./sql/postgres.ts')).openPostgres(url, options),
  journal: async (path, address, options) => {
    checkFolder(path);
    return (await import('./journal.ts')).openJournal(path, address, options);
  },
};

export interface Place {
  readonly kind: 'memory' | 'sqlite' | 'postgres' | 'journal';
  /** A path, or the whole URL. */
  readonly where: string;
}

/** @throws ERR_INVALID_OPTION */
export function parseAddress(address: string): Place {
  if (address === 'memory:' || address === ':memory:') return { kind: 'memory', where: '' };
  if (/^postgres(ql)?:\/\//.test(address)) return { kind: 'postgres', where: address };
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]+):(.*)$/is.exec(address) ?? [];
  if (scheme === undefined) return { kind: kindOfFile(address), where: address };
  if ((scheme === 'sqlite' || scheme === 'journal') && rest !== '' && !rest.startsWith('//'))
    return { kind: scheme, where: rest };
  throw unknown(address);
}

function kindOfFile(path: string): 'sqlite' | 'journal' {
  const extension = extname(path).toLowerCase();
  if (['.db', '.sqlite', '.sqlite3'].includes(extension)) return 'sqlite';
  if (['.log', '.journal'].includes(extension)) return 'journal';
  const start = firstBytes(path);
  if (start.startsWith('SQLite format 3')) return 'sqlite';
  if (start.startsWith('{"op_code"')) return 'journal';
  throw unknown(path);
}

function firstBytes(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return '';
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(16);
    return buffer.toString('latin1', 0, readSync(file, buffer));
  } finally {
    closeSync(file);
  }
}

function checkFolder(path: string): void {
  const folder = statSync(dirname(path), { throwIfNoEntry: false });
  if (folder?.isDirectory() === true) return;
  throw new LrdistError('ERR_STORAGE', `there is no folder ${dirname(path)} for storage ${path}`, {
    remedy: `Make it: mkdir -p ${dirname(path)}`,
  });
}

function unknown(address: string): LrdistError {
  return new LrdistError(
    'ERR_INVALID_OPTION',
    `storage ${JSON.stringify(address.replace(/:[^:@/]*@/, ':…@'))} has no known form`,
    {
      remedy: `An address is one of\n${forms}`,
    },
  );
}
