import { type Cell, invalidData, type Table, type TableRecord } from './table.ts';
import { readTextFile } from './text.ts';

/**
 * A file of JSON objects: one for each line (JSON lines), or one array of them. Columns are the keys in order of appearance; a key that an
 * object lacks is null. Numbers under `numbersAsWritten` keep their spelling (`1.0` is a floating-point label, `1` is a class).
 * @throws LrdistError ERR_DATA_INVALID with file and line or record.
 */
export async function readJson(
  path: string,
  options: { signal?: AbortSignal; numbersAsWritten?: string } = {},
): Promise<Table> {
  const text = await readTextFile(path, options.signal);
  const isArray = text.trimStart().startsWith('[');
  const objects: { value: Record<string, unknown>; at: number }[] = [];
  const where = (at: number) => (isArray ? `${path}, record ${at}` : `${path}:${at}`);
  const take = (value: unknown, at: number) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw invalidData(
        where(at),
        `expected a JSON object, received ${kindOf(value)}`,
        'Each record must be an object with named columns.',
      );
    }
    objects.push({ value: value as Record<string, unknown>, at });
  };
  if (isArray) {
    const all = parseJson(text, path, options.numbersAsWritten) as unknown[];
    for (const [i, value] of all.entries()) take(value, i + 1);
  } else {
    for (const [i, line] of text.split('\n').entries()) {
      if (line.trim() !== '') take(parseJson(line, where(i + 1), options.numbersAsWritten), i + 1);
    }
  }
  if (objects.length === 0) throw invalidData(path, 'the file has no rows', 'Write one JSON object for each row.');
  return toTable(path, objects, isArray ? 'record' : 'line', where);
}

function toTable(
  path: string,
  objects: readonly { value: Record<string, unknown>; at: number }[],
  unit: Table['unit'],
  where: (at: number) => string,
): Table {
  const columns = [...new Set(objects.flatMap(({ value }) => Object.keys(value)))];
  const records: TableRecord[] = objects.map(({ value, at }, index) => ({
    cells: columns.map((column): Cell => {
      const cell = value[column] ?? null;
      if (typeof cell !== 'object' || cell === null) return cell as Cell;
      throw invalidData(
        `${where(at)}, column ${column}`,
        `expected text or a number, received ${kindOf(cell)}`,
        'Flatten nested values first.',
      );
    }),
    index,
    at,
  }));
  return { path, columns, records, skipped: 0, unit };
}

function parseJson(text: string, where: string, asWritten: string | undefined): unknown {
  // The third argument (source text of numbers) is newer than TypeScript's declaration of JSON.parse.
  const reviver = (key: string, value: unknown, context?: { source?: string }) =>
    key === asWritten && typeof value === 'number' ? (context?.source ?? String(value)) : value;
  try {
    return JSON.parse(text, asWritten === undefined ? undefined : reviver);
  } catch (error) {
    throw invalidData(
      where,
      `not JSON (${(error as Error).message})`,
      'Write one JSON object for each line, or one array of objects.',
      error,
    );
  }
}

function kindOf(value: unknown): string {
  return value === null
    ? 'null'
    : Array.isArray(value)
      ? 'an array'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`;
}
