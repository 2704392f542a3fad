import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { LrdistError } from '../errors.ts';
import { type Cell, invalidData, type Table } from './table.ts';

/**
 * All columns of a Parquet file (any of the usual compressions), which must be text, numbers or booleans.
 * @throws LrdistError ERR_DATA_NOT_FOUND, ERR_DATA_INVALID.
 */
export async function readParquet(path: string, signal?: AbortSignal): Promise<Table> {
  signal?.throwIfAborted();
  let found: Record<string, unknown>[];
  try {
    found = await parquetReadObjects({ file: await asyncBufferFromFile(path), compressors });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new LrdistError('ERR_DATA_NOT_FOUND', `There is no file ${path}.`, {
        remedy: 'Check the path.',
        cause: error,
      });
    }
    throw invalidData(path, `not readable as Parquet (${(error as Error).message})`, 'Fetch the file again.', error);
  }
  signal?.throwIfAborted();
  if (found.length === 0) throw invalidData(path, 'the file has no rows', 'Fetch or write the file again.');
  const columns = Object.keys(found[0]!);
  const records = found.map((record, index) => ({
    cells: columns.map((column) => toCell(record[column], `${path}, record ${index + 1}, column ${column}`)),
    index,
    at: index + 1,
  }));
  return { path, columns, records, skipped: 0, unit: 'record' };
}

function toCell(value: unknown, where: string): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  throw invalidData(
    where,
    `expected text, a number or a boolean, received ${typeof value}`,
    'Flatten nested columns first.',
  );
}
