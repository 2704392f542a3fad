import { LrdistError, nearest } from '../errors.ts';
import type { RowShape } from './rows.ts';
import { type Cell, invalidData } from './table.ts';

/**
 * A label cell as a class index or regression target. Classes may be given by name or by index. A missing label is NaN
 * if `optional`; so is -1, as Hugging Face's test splits have it, unless the targets have no bounds and -1 may be one.
 * @throws LrdistError ERR_LABEL_UNKNOWN or ERR_DATA_INVALID, starting with `where`.
 */
export function parseLabel(
  cell: Cell,
  shape: Pick<RowShape, 'labels' | 'range'>,
  where: string,
  optional: boolean,
): number {
  if (cell === null || cell === '') {
    if (optional) return NaN;
    throw invalidData(where, 'the label is missing', 'Give every row of this split a label.');
  }
  const written = String(cell);
  const index = shape.labels?.indexOf(written) ?? -1;
  if (index >= 0) return index;
  const value = Number(written);
  if (optional && value === -1 && (shape.labels !== null || shape.range !== undefined)) return NaN;
  return shape.labels === null ? target(value, written, shape, where) : classIndex(value, written, shape.labels, where);
}

function target(value: number, written: string, { range }: Pick<RowShape, 'range'>, where: string): number {
  if (!Number.isFinite(value) || written.trim() === '') {
    throw invalidData(where, `expected a number as label, received "${written}"`, 'Mend the row.');
  }
  if (range !== undefined && (value < range[0] || value > range[1])) {
    throw invalidData(where, `expected a label from ${range[0]} to ${range[1]}, received ${written}`, 'Mend the row.');
  }
  return value;
}

function classIndex(value: number, written: string, labels: readonly string[], where: string): number {
  if (Number.isInteger(value) && value >= 0 && value < labels.length && written.trim() !== '') return value;
  const near = nearest(written, labels);
  throw new LrdistError(
    'ERR_LABEL_UNKNOWN',
    `${where}: expected a label of ${labels.map((l) => `"${l}"`).join(', ')}, received "${written}"`,
    {
      remedy:
        near === undefined ? 'Mend the row, or check that the file belongs to this task.' : `Did you mean "${near}"?`,
    },
  );
}
