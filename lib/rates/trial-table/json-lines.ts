import type { TrialTable } from './table.ts';
import { flatRows } from './flat-rows.ts';
import { broken, type RawRecord, type RawTable } from './records.ts';

/** JSON objects, one for each line or all in one array. A key that an object lacks is an empty cell. */
export function jsonRecords(text: string, source: string): RawTable {
  const isArray = text.trimStart().startsWith('[');
  const where = (at: number): string => (isArray ? `${source}, record ${at}` : `${source}:${at}`);
  const records = isArray
    ? arrayOf(text, source).map((value, i) => record(value, i + 1, where))
    : text
        .split('\n')
        .map((line, i) => ({ line, at: i + 1 }))
        .filter(({ line }) => line.trim() !== '')
        .map(({ line, at }) => record(parseJson(line, where(at)), at, where));
  if (records.length === 0) throw broken(source, 'expected a JSON object for each trial, there is none');
  return { columns: [...new Set(records.flatMap(({ cells }) => Object.keys(cells)))], records, where };
}

function arrayOf(text: string, source: string): readonly unknown[] {
  return parseJson(text, source) as unknown[];
}

function record(value: unknown, at: number, where: (at: number) => string): RawRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw broken(where(at), `expected a JSON object, received ${JSON.stringify(value).slice(0, 40)}`);
  return { cells: value as Record<string, unknown>, at };
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw broken(
      where,
      `not JSON (${(cause as Error).message})`,
      'Write one JSON object for each line; NaN and Infinity are not JSON, write null.',
      cause,
    );
  }
}

export function formatJsonLines(table: TrialTable): string {
  return flatRows(table)
    .rows.map((row) => `${JSON.stringify(row)}\n`)
    .join('');
}
