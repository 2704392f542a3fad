import { setImmediate } from 'node:timers/promises';
import { parse, type Info } from 'csv-parse';
import type { Options } from 'csv-parse';
import { invalidData, type Table, type TableRecord } from './table.ts';
import { readTextFile } from './text.ts';

export interface DelimitedOptions {
  readonly signal?: AbortSignal;
  /** Column names of a file without a header line. */
  readonly columns?: readonly string[];
  /** Leave records with a wrong number of columns out and count them, instead of refusing the file. */
  readonly skipBroken?: boolean;
}

/**
 * A tab-separated file as GLUE has them: a quote is an ordinary character, only LF ends a line (CRLF if the first line ends so), so that a
 * CR, U+0085 or U+2028 inside a sentence stays there. Blank lines are ignored.
 * @throws LrdistError ERR_DATA_INVALID with file and line.
 */
export async function readTsv(path: string, options: DelimitedOptions = {}): Promise<Table> {
  const text = await readTextFile(path, options.signal);
  const crlf = text[text.indexOf('\n') - 1] === '\r';
  const found = await parseText(text, { delimiter: '\t', quote: false, record_delimiter: '\n' }, path, options.signal);
  const records = found.map(({ record }, i) => {
    if (crlf) record.push(record.pop()!.replace(/\r$/, ''));
    // Without quoting, every line is one record.
    return { cells: record, line: i + 1 };
  });
  return toTable(path, records, options);
}

/**
 * A comma-separated file (RFC 4180: fields may be quoted, a quote inside is doubled, quoted fields may span lines).
 * @throws LrdistError ERR_DATA_INVALID with file and line.
 */
export async function readCsv(path: string, options: DelimitedOptions = {}): Promise<Table> {
  const text = await readTextFile(path, options.signal);
  const found = await parseText(
    text,
    { delimiter: ',', record_delimiter: ['\r\n', '\n'], relax_quotes: true },
    path,
    options.signal,
  );
  let line = 1;
  const records = found.map(({ record, info }) => {
    const start = line;
    line = info.lines + 1;
    return { cells: record, line: start };
  });
  return toTable(path, records, options);
}

interface Parsed {
  readonly record: string[];
  readonly info: Info;
}

/** Feeds the parser a piece at a time, so that a large file does not hold up the event loop. */
async function parseText(
  text: string,
  format: Options,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Parsed[]> {
  const parser = parse({ ...format, relax_column_count: true, info: true });
  const records: Parsed[] = [];
  parser.on('data', (parsed: Parsed) => records.push(parsed));
  const ended = new Promise<void>((resolve, reject) => {
    parser.on('end', resolve);
    parser.on('error', reject);
  });
  ended.catch(() => undefined);
  try {
    for (let start = 0; start < text.length && !parser.destroyed; ) {
      signal?.throwIfAborted();
      let end = Math.min(start + (1 << 16), text.length);
      // A surrogate pair must not be cut.
      if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end++;
      parser.write(text.slice(start, end));
      start = end;
      await setImmediate();
    }
    parser.end();
    await ended;
  } catch (error) {
    parser.destroy();
    signal?.throwIfAborted();
    const { lines, message } = error as Error & { lines?: number };
    throw invalidData(
      lines === undefined ? path : `${path}:${lines}`,
      `not readable as ${format.quote === false ? 'tab' : 'comma'}-separated text (${message})`,
      'Quote fields that hold commas, quotes or line breaks, and double a quote inside them.',
      error,
    );
  }
  return records;
}

function toTable(
  path: string,
  found: readonly { readonly cells: readonly string[]; readonly line: number }[],
  options: DelimitedOptions,
): Table {
  const filled = found.filter(({ cells }) => cells.length > 1 || cells[0] !== '');
  const columns = options.columns ?? filled.shift()?.cells ?? [];
  if (options.columns === undefined) checkHeader(path, columns);
  const records: TableRecord[] = [];
  let skipped = 0;
  for (const [index, { cells, line }] of filled.entries()) {
    if (cells.length === columns.length) {
      records.push({ cells, index, at: line });
    } else if (options.skipBroken === true) {
      skipped++;
    } else {
      throw invalidData(
        `${path}:${line}`,
        `expected ${columns.length} columns (${columns.join(', ')}), received ${cells.length}`,
        'Mend or remove the line.',
      );
    }
  }
  if (records.length === 0) {
    throw invalidData(
      path,
      skipped > 0 ? `all ${skipped} rows are broken` : 'the file has no rows',
      'Fetch or write the file again.',
    );
  }
  return { path, columns, records, skipped, unit: 'line' };
}

function checkHeader(path: string, columns: readonly string[]): void {
  const repeated = columns.find((name, i) => columns.indexOf(name) !== i);
  if (repeated !== undefined) {
    throw invalidData(
      `${path}:1`,
      `column "${repeated}" occurs twice in the header`,
      'Give every column its own name.',
    );
  }
}
