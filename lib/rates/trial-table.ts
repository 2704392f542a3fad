/** Trial tables: what trials of rate distributions scored, one line each, as CSV or JSON lines. Read from our own searches and from other people's logs. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { LrdistError } from '../errors.ts';
import { parseColumns } from './trial-table/columns.ts';
import { csvRecords, formatCsv } from './trial-table/csv.ts';
import { formatJsonLines, jsonRecords } from './trial-table/json-lines.ts';
import { toTable } from './trial-table/rows.ts';
import type { TrialTable } from './trial-table/table.ts';
import { writeText } from './write-text.ts';

export {
  contextNames,
  scoreNames,
  type ContextName,
  type ScoreName,
  type TrialRow,
  type TrialRowState,
  type TrialTable,
} from './trial-table/table.ts';

export type TableFormat = 'csv' | 'tsv' | 'jsonl';

export interface ReadTableOptions {
  /** What other people call our columns: `before=acc1,p_s=acc2,lr_*=rate_*`. */
  readonly columns?: string | undefined;
  /** The pair of all rows, for a table without the column `pair`. */
  readonly pair?: string | undefined;
}

/**
 * Reads the text of a trial table.
 *
 * @throws LrdistError ERR_TRIAL_TABLE with file and line; ERR_INVALID_OPTION for a mapping of columns that cannot be
 */
export function parseTrialTable(
  text: string,
  { source, format, columns, pair }: ReadTableOptions & { readonly source: string; readonly format: TableFormat },
): TrialTable {
  const records = format === 'jsonl' ? jsonRecords(text, source) : csvRecords(text, source, format);
  return toTable(records, { source, mapping: columns === undefined ? [] : parseColumns(columns), pair });
}

/**
 * Reads a `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.json` file (one array, or JSON lines).
 *
 * @throws LrdistError ERR_READ, ERR_TRIAL_TABLE, ERR_INVALID_OPTION
 */
export async function readTrialTable(path: string, options: ReadTableOptions = {}): Promise<TrialTable> {
  const format = formatOf(path);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new LrdistError('ERR_READ', `cannot read the trial table ${path}: ${(cause as Error).message}`, { cause });
  }
  const table = parseTrialTable(bytes.toString('utf8'), { ...options, source: path, format });
  return { ...table, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** The text that parseTrialTable reads back to the same rows. Columns that no row fills are left out. */
export function formatTrialTable(table: TrialTable, format: TableFormat): string {
  return format === 'jsonl' ? formatJsonLines(table) : formatCsv(table, format);
}

/**
 * Writes a table in the format of the file's ending: to a temporary name beside it, synced, renamed.
 *
 * @throws LrdistError ERR_WRITE, ERR_TRIAL_TABLE for another ending
 */
export async function writeTrialTable(path: string, table: TrialTable): Promise<void> {
  await writeText(path, formatTrialTable(table, formatOf(path)), 'trial table');
}

/** @throws LrdistError ERR_TRIAL_TABLE */
export function formatOf(path: string): TableFormat {
  const ending = /\.(csv|tsv|jsonl|ndjson|json)$/i.exec(path)?.[1]?.toLowerCase();
  if (ending === undefined)
    throw new LrdistError('ERR_TRIAL_TABLE', `${path}: expected a .csv, .tsv, .jsonl, .ndjson or .json file`, {
      remedy: 'A trial table is CSV with a heading line, or JSON lines.',
    });
  return ending === 'csv' || ending === 'tsv' ? ending : 'jsonl';
}
