import { parse } from 'csv-parse/sync';
import type { TrialTable } from './table.ts';
import { broken, type RawTable } from './records.ts';
import { flatRows } from './flat-rows.ts';

/** Lines of a CSV (RFC 4180) or tab-separated text with a heading. Blank lines are ignored, as are blanks around a cell. */
export function csvRecords(text: string, source: string, format: 'csv' | 'tsv'): RawTable {
  const where = (at: number): string => `${source}:${at}`;
  const lines = split(text, source, format === 'csv' ? ',' : '\t');
  const [heading, ...rest] = lines;
  if (heading === undefined)
    throw broken(source, 'expected a heading line and a line for each trial, the file is empty');
  const columns = heading.cells;
  const twice = columns.find((column, i) => columns.indexOf(column) !== i);
  if (twice !== undefined) throw broken(where(heading.at), `two columns are named "${twice}"`);
  const records = rest.map(({ cells, at }) => {
    if (cells.length !== columns.length)
      throw broken(where(at), `expected ${columns.length} cells as in the heading, received ${cells.length}`);
    return { cells: Object.fromEntries(columns.map((column, i) => [column, cells[i]])), at };
  });
  return { columns, records, where };
}

function split(text: string, source: string, delimiter: string): { cells: string[]; at: number }[] {
  try {
    const found = parse(text, {
      bom: true,
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: delimiter === ',',
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return found.map(({ record, info }) => ({ cells: record, at: info.lines }));
  } catch (cause) {
    const { lines, message } = cause as Error & { lines?: number };
    throw broken(
      lines === undefined ? source : `${source}:${lines}`,
      `not readable as ${delimiter === ',' ? 'comma' : 'tab'}-separated text (${message})`,
      'Quote cells that hold commas or quotes, and double a quote inside them.',
      cause,
    );
  }
}

export function formatCsv(table: TrialTable, format: 'csv' | 'tsv'): string {
  const delimiter = format === 'csv' ? ',' : '\t';
  const { columns, rows } = flatRows(table);
  const quoted = (value: string): string =>
    value.includes(delimiter) || /["\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  const line = (cells: readonly string[]): string => `${cells.map(quoted).join(delimiter)}\n`;
  return [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? '')))].map(line).join('');
}
