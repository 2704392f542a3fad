import { readFile } from 'node:fs/promises';
import { LrdistError } from '../errors.ts';

export type Cell = string | number | boolean | null;

/** One record of a data file, whatever its format. */
export interface TableRecord {
  readonly cells: readonly Cell[];
  /** Position among the file's records, from 0. */
  readonly index: number;
  /** Where to look in the file: a line number, or for JSON arrays and Parquet a record number, from 1. */
  readonly at: number;
}

export interface Table {
  readonly path: string;
  readonly columns: readonly string[];
  readonly records: readonly TableRecord[];
  /** Records left out because they had a wrong number of columns. */
  readonly skipped: number;
  readonly unit: 'line' | 'record';
}

/** "file:12", or "file, record 12" where a file has no lines. */
export function place(table: Pick<Table, 'path' | 'unit'>, record: Pick<TableRecord, 'at'>): string {
  return table.unit === 'line' ? `${table.path}:${record.at}` : `${table.path}, record ${record.at}`;
}

export function invalidData(where: string, problem: string, remedy: string, cause?: unknown): LrdistError {
  return new LrdistError('ERR_DATA_INVALID', `${where}: ${problem}`, { remedy, cause });
}

/**
 * A data file's bytes.
 * @throws LrdistError ERR_DATA_NOT_FOUND or ERR_READ.
 */
export async function readDataFile(path: string, signal?: AbortSignal): Promise<Buffer> {
  try {
    return await readFile(path, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new LrdistError('ERR_DATA_NOT_FOUND', `There is no file ${path}.`, {
        remedy: 'Check the path.',
        cause: error,
      });
    }
    throw new LrdistError('ERR_READ', `${path} cannot be read: ${(error as Error).message}`, {
      remedy: 'Check that it is a file and that you may read it.',
      cause: error,
    });
  }
}
