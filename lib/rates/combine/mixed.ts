import { LrdistError } from '../../errors.ts';
import type { TrialTable } from '../trial-table/table.ts';
import type { TableGroups } from './groups.ts';

/** A table with what its rates are rates of. */
export interface GroupedTable {
  readonly table: TrialTable;
  readonly groups: TableGroups;
}

/** What trials say of one thing that their scores depend on. */
export interface Agreement {
  readonly name: 'model' | 'protocol' | 'grouping' | 'split' | 'epochs';
  /** Different values, in the order of appearance; empty where no row says. */
  readonly values: readonly { readonly value: string; readonly rows: number; readonly sources: readonly string[] }[];
  /** Complete rows that do not say. */
  readonly unknown: number;
}

/** On what the complete rows of the tables agree. */
export function agreements(tables: readonly GroupedTable[]): Agreement[] {
  const names = ['model', 'protocol', 'split', 'epochs'] as const;
  return [
    ...names.map((name) => agreement(name, tables, ({ table }, row) => table.rows[row]!.context[name])),
    agreement('grouping', tables, ({ groups }) =>
      labelOf(tables.find((each) => sameGroups(each.groups, groups))!.groups),
    ),
  ];
}

/**
 * @throws LrdistError ERR_COMBINE_MIXED with all that differs, unless `allowed`
 */
export function refuseMixed(found: readonly Agreement[], allowed: boolean): void {
  const mixed = found.filter(({ values }) => values.length > 1);
  if (allowed || mixed.length === 0) return;
  throw new LrdistError(
    'ERR_COMBINE_MIXED',
    ['the trials are not of one kind, so their scores cannot be put together:', ...mixed.map(differenceText)].join(
      '\n',
    ),
    {
      remedy: 'Leave out what does not belong, or add --allow_mixed if you know that it does; the result then says so.',
    },
  );
}

/** `protocol: keep (30 rows: a.csv), paper (12 rows: b.csv)` */
export function differenceText({ name, values }: Agreement): string {
  const texts = values.map(
    ({ value, rows, sources }) => `${value} (${rows} ${rows === 1 ? 'row' : 'rows'}: ${sources.join(', ')})`,
  );
  return `${name}: ${texts.join('; ')}`;
}

/** Whether the rates are of the same parameters, whatever the grouping is called. */
export function sameGroups(a: TableGroups, b: TableGroups): boolean {
  return a.layers === b.layers && JSON.stringify(a.groups) === JSON.stringify(b.groups);
}

export function labelOf({ name, layers }: TableGroups): string {
  return `${name} of ${layers} ${layers === 1 ? 'layer' : 'layers'}`;
}

function agreement(
  name: Agreement['name'],
  tables: readonly GroupedTable[],
  valueOf: (table: GroupedTable, row: number) => string | undefined,
): Agreement {
  const values = new Map<string, { rows: number; sources: Set<string> }>();
  let unknown = 0;
  for (const each of tables) {
    for (const [i, row] of each.table.rows.entries()) {
      if (row.state !== 'complete') continue;
      const value = valueOf(each, i);
      if (value === undefined) {
        unknown++;
        continue;
      }
      const found = values.get(value) ?? { rows: 0, sources: new Set() };
      found.rows++;
      found.sources.add(each.table.source);
      values.set(value, found);
    }
  }
  return {
    name,
    values: Array.from(values, ([value, { rows, sources }]) => ({ value, rows, sources: [...sources] })),
    unknown,
  };
}
