import { contextNames, scoreNames, type TrialRow, type TrialTable } from './table.ts';

type Cell = string | number;

/** Rows as objects by column name, and the columns that at least one of them fills, in the order of the format. */
export function flatRows({ groups, rows }: TrialTable): {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, Cell>>[];
} {
  const flat = rows.map((row) => flatRow(row, groups));
  const order = ['pair', 'seed', ...groups.map((group) => `lr_${group}`), ...scoreNames, 'state', ...contextNames];
  // A table whose only rows have no rates still says what its groups are.
  const columns = order.filter((column) => column.startsWith('lr_') || flat.some((row) => row[column] !== undefined));
  return { columns, rows: flat };
}

function flatRow(
  { pair, seed, rates, scores, state, context }: TrialRow,
  groups: readonly string[],
): Record<string, Cell> {
  return {
    pair,
    ...(seed === undefined ? {} : { seed }),
    ...(rates === null ? {} : Object.fromEntries(groups.map((group, g) => [`lr_${group}`, rates[g]!]))),
    ...scores,
    ...(state === 'unscored' ? {} : { state }),
    ...context,
  };
}
