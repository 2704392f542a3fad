import { findGlue } from './find.ts';
import { glueSplit, type GlueTask, type Split } from './glue.ts';
import type { Row, Rows } from './rows.ts';
import { toRows } from './to-rows.ts';

// Parsers are imported where a file is parsed: with ids in the cache, none is.

export interface LoadOptions {
  readonly signal?: AbortSignal;
  /** Leave rows with a wrong number of columns out and count them. Default: only for QQP, whose official files have some. */
  readonly skipBroken?: boolean;
}

/**
 * Rows of one split of a GLUE task, from a folder of the official TSV files or of Hugging Face's Parquet files. `split` as in `glueSplit`.
 * Rows of test splits may lack labels.
 * @throws LrdistError ERR_DATA_NOT_FOUND, ERR_DATA_INVALID, ERR_LABEL_UNKNOWN, each with the file and, where there is one, the line.
 */
export async function loadGlue(
  dataDir: string,
  task: GlueTask,
  split: string,
  options: LoadOptions = {},
): Promise<Rows> {
  const name = glueSplit(task, split);
  const found = await findGlue(dataDir, task, name);
  return found.format === 'tsv'
    ? fromTsv(found.file, task, name, options)
    : fromParquet(found.files, task, name, options);
}

async function fromTsv(file: string, task: GlueTask, split: Split, options: LoadOptions): Promise<Rows> {
  const { headerless, texts, label } = task.tsv;
  const { readTsv } = await import('./tsv.ts');
  const table = await readTsv(file, {
    ...(options.signal && { signal: options.signal }),
    ...(headerless?.splits.includes(split) && { columns: headerless.columns }),
    skipBroken: options.skipBroken ?? task.tsv.skipBroken ?? false,
  });
  return { rows: toRows(table, { texts, label }, task, needOf(split)), skipped: table.skipped, files: [file] };
}

async function fromParquet(
  files: readonly string[],
  task: GlueTask,
  split: Split,
  options: LoadOptions,
): Promise<Rows> {
  const { readParquet } = await import('./parquet.ts');
  const rows: Row[] = [];
  for (const file of files) {
    const table = await readParquet(file, options.signal);
    const names = { texts: task.textColumns, label: task.labelColumn };
    for (const row of toRows(table, names, task, needOf(split), rows.length)) rows.push(row);
  }
  return { rows, skipped: 0, files };
}

function needOf(split: Split): 'needed' | 'optional' {
  return split.startsWith('test') ? 'optional' : 'needed';
}
