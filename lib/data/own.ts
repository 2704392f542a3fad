import { extname } from 'node:path';
import { LrdistError } from '../errors.ts';
import { readJson } from './json.ts';
import type { LoadOptions } from './load.ts';
import type { Rows, RowShape } from './rows.ts';
import { invalidData, type Table } from './table.ts';
import { columnOf, toRows } from './to-rows.ts';

export interface OwnFiles {
  readonly train?: string;
  readonly validation?: string;
  readonly test?: string;
}

export interface OwnFilesOptions extends LoadOptions {
  /** One or two text columns. Default, as in run_glue: `sentence1` and `sentence2`, else the first two (or the only) other columns; columns called `idx`, `id` or `index` never. */
  readonly textColumns?: readonly string[];
  /** Default `label`. */
  readonly labelColumn?: string;
  /** Class names in label order, such as a model's. Default: the distinct labels of the first labelled file, numbers by value, names by code point. */
  readonly labels?: readonly string[];
  /** Labels are numbers to be predicted. Default: whether the first labelled file has floating-point labels. */
  readonly regression?: boolean;
}

export interface OwnData {
  readonly shape: RowShape;
  readonly splits: Readonly<Partial<Record<keyof OwnFiles, Rows>>>;
}

/**
 * Own files with named columns (`.csv`, `.tsv`, `.json`, `.jsonl`, `.parquet`), read as run_glue reads `--train_file`, `--validation_file`
 * and `--test_file`. Only the test file may lack labels.
 * @throws LrdistError ERR_DATA_NOT_FOUND, ERR_DATA_INVALID, ERR_LABEL_UNKNOWN, each with the file and line.
 */
export async function loadOwnFiles(files: OwnFiles, options: OwnFilesOptions = {}): Promise<OwnData> {
  const tables: { split: keyof OwnFiles; table: Table }[] = [];
  const labelColumn = options.labelColumn ?? 'label';
  for (const split of ['train', 'validation', 'test'] as const) {
    const path = files[split];
    if (path !== undefined) tables.push({ split, table: await readTable(path, labelColumn, options) });
  }
  const first = tables[0];
  if (first === undefined) {
    throw new LrdistError('ERR_INVALID_OPTION', 'No data file was given.', {
      remedy: 'Give a train, validation or test file.',
    });
  }
  const shape = shapeOf(first.table, labelColumn, options);
  const splits: Partial<Record<keyof OwnFiles, Rows>> = {};
  for (const { split, table } of tables) {
    const rows = toRows(
      table,
      { texts: shape.textColumns, label: labelColumn },
      shape,
      split === 'test' ? 'optional' : 'needed',
    );
    splits[split] = { rows, skipped: table.skipped, files: [table.path] };
  }
  return { shape, splits };
}

async function readTable(
  path: string,
  labelColumn: string,
  { signal, skipBroken = false }: LoadOptions,
): Promise<Table> {
  const abort = signal === undefined ? {} : { signal };
  switch (extname(path).toLowerCase()) {
    case '.csv':
      return (await import('./tsv.ts')).readCsv(path, { ...abort, skipBroken });
    case '.tsv':
      return (await import('./tsv.ts')).readTsv(path, { ...abort, skipBroken });
    case '.json':
    case '.jsonl':
    case '.ndjson':
      return readJson(path, { ...abort, numbersAsWritten: labelColumn });
    case '.parquet':
      return (await import('./parquet.ts')).readParquet(path, signal);
    default:
      throw new LrdistError('ERR_INVALID_OPTION', `${path}: the format is not known from the name.`, {
        remedy: 'Name the file .csv, .tsv, .json, .jsonl or .parquet.',
      });
  }
}

function shapeOf(table: Table, labelColumn: string, options: OwnFilesOptions): RowShape {
  const textColumns = textColumnsOf(table, labelColumn, options.textColumns);
  if (options.labels !== undefined) return { textColumns, labelColumn, labels: options.labels };
  const labelled = table.columns.includes(labelColumn);
  if (options.regression === true || !labelled) {
    if (!labelled && options.regression !== true) columnOf(table, labelColumn);
    return { textColumns, labelColumn, labels: null };
  }
  const column = columnOf(table, labelColumn);
  const found = [
    ...new Set(table.records.map(({ cells }) => cells[column]).filter((cell) => cell !== null && cell !== '')),
  ];
  const written = found.map(String);
  const isNumber =
    written.length > 0 && written.every((label) => label.trim() !== '' && Number.isFinite(Number(label)));
  const isWhole = isNumber && written.every((label) => /^\s*[+-]?\d+\s*$/.test(label));
  // Like pandas and Arrow: one label with a fraction makes the whole column floating-point.
  if (isNumber && !isWhole && options.regression !== false) return { textColumns, labelColumn, labels: null };
  const labels = written.sort(isNumber ? (x, y) => Number(x) - Number(y) : byCodePoint);
  if (labels.length < 2) {
    throw invalidData(
      table.path,
      `expected at least two different labels, received ${labels.length}`,
      'Check the label column, or give regression.',
    );
  }
  return { textColumns, labelColumn, labels };
}

function textColumnsOf(
  table: Table,
  labelColumn: string,
  wanted: readonly string[] | undefined,
): RowShape['textColumns'] {
  let names: readonly string[];
  if (wanted !== undefined) {
    names = wanted;
  } else if (table.columns.includes('sentence1') && table.columns.includes('sentence2')) {
    names = ['sentence1', 'sentence2'];
  } else {
    names = table.columns.filter((name) => name !== labelColumn && !['idx', 'id', 'index'].includes(name)).slice(0, 2);
  }
  const [a, b] = names;
  if (a === undefined || names.length > 2) {
    throw invalidData(
      table.path,
      `expected one or two text columns, received ${names.length}`,
      'Name the text columns.',
    );
  }
  for (const name of names) columnOf(table, name);
  return b === undefined ? [a] : [a, b];
}

/** Python's order of strings, which is that of their UTF-8 bytes. */
function byCodePoint(x: string, y: string): number {
  return Buffer.compare(Buffer.from(x), Buffer.from(y));
}
