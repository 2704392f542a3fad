import { nearest } from '../errors.ts';
import { parseLabel } from './label.ts';
import type { Row, RowShape } from './rows.ts';
import { invalidData, place, type Table, type TableRecord } from './table.ts';

export interface ColumnNames {
  readonly texts: readonly string[];
  readonly label: string;
}

/**
 * Rows of a table. `labels` says whether every row must have a label (`needed`) or may lack it, -1 and a missing column included.
 * @throws LrdistError ERR_DATA_INVALID or ERR_LABEL_UNKNOWN with file and line.
 */
export function toRows(
  table: Table,
  names: ColumnNames,
  shape: Pick<RowShape, 'labels' | 'range'>,
  labels: 'needed' | 'optional',
  firstId = 0,
): Row[] {
  const [a, b] = names.texts.map((name) => columnOf(table, name));
  const label = labels === 'optional' && !table.columns.includes(names.label) ? -1 : columnOf(table, names.label);
  return table.records.map((record) => {
    const row = {
      a: text(table, record, a!),
      label: label < 0 ? NaN : parseLabel(record.cells[label]!, shape, place(table, record), labels === 'optional'),
      id: firstId + record.index,
    };
    return b === undefined ? row : { ...row, b: text(table, record, b) };
  });
}

/** @throws LrdistError ERR_DATA_INVALID with the nearest name. */
export function columnOf(table: Pick<Table, 'path' | 'columns'>, name: string): number {
  const index = table.columns.indexOf(name);
  if (index >= 0) return index;
  const near = nearest(name, table.columns);
  throw invalidData(
    table.path,
    `there is no column "${name}"; the columns are ${table.columns.map((c) => `"${c}"`).join(', ')}`,
    near === undefined
      ? 'Check that the file belongs to this task and has its header line.'
      : `Did you mean "${near}"?`,
  );
}

function text(table: Table, record: TableRecord, column: number): string {
  const cell = record.cells[column];
  if (typeof cell === 'string') return cell;
  throw invalidData(
    place(table, record),
    `expected text in column "${table.columns[column]}", received ${cell === null ? 'nothing' : String(cell)}`,
    'Mend the row, or name the text columns.',
  );
}
