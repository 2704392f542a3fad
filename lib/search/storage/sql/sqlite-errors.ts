import { LrdistError } from '../../../errors.ts';
import type { Meaning } from '../retry.ts';

interface Explanation {
  readonly what: string;
  readonly remedy: string;
  readonly passing?: boolean;
}

/** By the beginning of SQLite's code; see https://sqlite.org/rescode.html. */
const explanations: Readonly<Record<string, Explanation>> = {
  SQLITE_BUSY: {
    what: 'is held by another process',
    remedy:
      'Look for a process that has it open and hangs. On a network disk SQLite does not work: use PostgreSQL or a journal file there.',
    passing: true,
  },
  SQLITE_LOCKED: { what: 'is locked', remedy: 'Look for another program that has it open.', passing: true },
  SQLITE_FULL: {
    what: 'cannot grow: the disk is full',
    remedy: 'Make room and go on; everything that was finished before is in it.',
  },
  SQLITE_READONLY: {
    what: 'may not be written',
    remedy: 'Look at the rights of the file and of its folder (SQLite makes a -wal and a -shm file beside it).',
  },
  SQLITE_CANTOPEN: {
    what: 'cannot be opened',
    remedy: 'Look at the rights of the file and of its folder; SQLite has to write into both.',
  },
  SQLITE_NOTADB: { what: 'is not an SQLite file', remedy: 'Give another path. The file was not changed.' },
  SQLITE_CORRUPT: {
    what: 'is damaged',
    remedy:
      'Take a backup, or save what can be read: sqlite3 FILE .recover | sqlite3 NEW.db. The file was left as it is.',
  },
  SQLITE_IOERR: {
    what: 'cannot be read or written',
    remedy: 'Look at the disk (dmesg), and whether it is a network disk.',
  },
  SQLITE_PERM: { what: 'may not be opened', remedy: 'Look at the rights of the file.' },
  SQLITE_AUTH: { what: 'may not be opened', remedy: 'Look at the rights of the file.' },
};

export function understandSqlite(error: unknown, address: string): Meaning | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const code = error.code;
  const found = Object.entries(explanations).find(([start]) => code === start || code.startsWith(`${start}_`));
  if (found === undefined) return undefined;
  const { what, remedy, passing = false } = found[1];
  return {
    error: new LrdistError('ERR_STORAGE', `storage ${address} ${what} (${code}: ${error.message})`, {
      remedy,
      cause: error,
    }),
    passing,
  };
}
