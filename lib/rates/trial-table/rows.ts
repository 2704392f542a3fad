import { nearest } from '../../errors.ts';
import {
  contextNames,
  scoreNames,
  type ScoreName,
  type TrialRow,
  type TrialRowState,
  type TrialTable,
} from './table.ts';
import { cellOf, numberOf, rateOf, stateOf } from './cells.ts';
import { renameColumns, type ColumnName } from './columns.ts';
import { broken, type RawRecord, type RawTable } from './records.ts';

interface Meaning {
  readonly source: string;
  readonly mapping: readonly ColumnName[];
  readonly pair: string | undefined;
}

const known: ReadonlySet<string> = new Set(['pair', 'seed', 'state', ...scoreNames, ...contextNames]);

/** Gives the columns of a raw table their meaning, and checks every cell. */
export function toTable(raw: RawTable, { source, mapping, pair }: Meaning): TrialTable {
  const ours = renameColumns(raw.columns, mapping, source);
  const names = ours.filter((name) => name !== undefined);
  const groups = groupsOf(names, source);
  const ordered = groups.every((group) => /^\d+$/.test(group));
  const sorted = ordered ? inOrder(groups, source) : groups;
  const needed = neededScores(names, source);
  if (!names.includes('pair') && pair === undefined)
    throw broken(
      source,
      'there is no column "pair"',
      `Add one, or name the pair of the whole file: "sst2->mrpc=${source}".`,
    );
  if (names.includes('pair') && pair !== undefined)
    throw broken(source, `it has a column "pair", so "${pair}=" cannot name its pair`, 'Leave one of them out.');
  const rows = raw.records.map((record) => {
    const renamed = Object.fromEntries(
      raw.columns.flatMap((column, i) => (ours[i] === undefined ? [] : [[ours[i], record.cells[column]]])),
    ) as RawRecord['cells'];
    return toRow({ ...record, cells: renamed }, { groups: sorted, needed, pair, where: raw.where(record.at) });
  });
  const unused = raw.columns.filter((_, i) => {
    const name = ours[i];
    return name === undefined || !(known.has(name) || isRate(name));
  });
  return { source, groups: sorted, ordered, rows, unused };
}

function isRate(name: string): boolean {
  return name.startsWith('lr_') && name !== 'lr_';
}

interface RowMeaning {
  readonly groups: readonly string[];
  readonly needed: readonly ScoreName[];
  readonly pair: string | undefined;
  readonly where: string;
}

function toRow({ cells }: RawRecord, { groups, needed, pair, where }: RowMeaning): TrialRow {
  const scores: Partial<Record<ScoreName, number>> = {};
  for (const name of scoreNames) {
    const value = numberOf(cells[name], name, where);
    if (value !== undefined && Number.isFinite(value)) scores[name] = value;
  }
  const missing = needed.find((name) => scores[name] === undefined);
  const state: TrialRowState = stateOf(cells['state'], where) ?? (missing === undefined ? 'complete' : 'unscored');
  const done = state === 'complete';
  if (done && missing !== undefined)
    throw broken(
      where,
      `expected a finite number for ${missing} of a complete trial, received ${told(cells[missing])}`,
      'A trial without a score is pruned or failed: correct its state.',
    );
  const name = pair ?? cellOf(cells['pair']);
  if (name === undefined) throw broken(where, 'expected the pair of tasks under "pair", received nothing');
  const seed = numberOf(cells['seed'], 'seed', where);
  const context = Object.fromEntries(
    contextNames.flatMap((key) => {
      const value = cellOf(cells[key]);
      return value === undefined ? [] : [[key, plainNumber(value)]];
    }),
  );
  return {
    pair: name,
    state,
    rates: ratesOf(cells, groups, done, where),
    scores,
    context,
    ...(seed === undefined || !Number.isFinite(seed) ? {} : { seed }),
    where,
  };
}

function ratesOf(cells: RawRecord['cells'], groups: readonly string[], done: boolean, where: string): number[] | null {
  const rates = groups.map((group) => rateOf(cells[`lr_${group}`], `lr_${group}`, where));
  const absent = rates.findIndex((rate) => rate === undefined);
  if (absent === -1) return rates as number[];
  if (done) throw broken(where, `expected a learning rate under "lr_${groups[absent]}", received nothing`);
  return null;
}

function groupsOf(names: readonly string[], source: string): string[] {
  const groups = names.filter(isRate).map((name) => name.slice('lr_'.length));
  if (groups.length === 0)
    throw broken(
      source,
      `there are no rates: expected columns lr_GROUP or lr_0, lr_1, ...; its columns are ${names.join(', ')}`,
      'Columns of another name can be mapped: --columns "lr_*=rate_*".',
    );
  const numbers = groups.filter((group) => /^\d+$/.test(group));
  if (numbers.length > 0 && numbers.length < groups.length)
    throw broken(
      source,
      `expected names or numbers of groups, not both: lr_${numbers[0]}, lr_${groups.find((group) => !/^\d+$/.test(group))}`,
    );
  return groups;
}

/** 0, 1, ... whatever the order of the columns. */
function inOrder(groups: readonly string[], source: string): string[] {
  const wanted = groups.map((_, i) => String(i));
  const missing = wanted.find((number) => !groups.includes(number));
  if (missing === undefined) return wanted;
  throw broken(
    source,
    `expected ${groups.length} ordered rates lr_0 to lr_${groups.length - 1}, there is no lr_${missing}`,
  );
}

/** The scores that a complete trial must have: `score` where there is such a column, else those of p_s and p_o that there are. */
function neededScores(names: readonly string[], source: string): ScoreName[] {
  if (names.includes('score')) return ['score'];
  const found = (['p_s', 'p_o'] as const).filter((name) => names.includes(name));
  if (found.length > 0) return found;
  const near = names
    .map((name) => ({ name, ours: nearest(name, ['p_o', 'p_s', 'score']) }))
    .find(({ ours }) => ours !== undefined);
  throw broken(
    source,
    `there are no scores: expected the columns p_s and p_o, or score; its columns are ${names.join(', ')}`,
    near === undefined
      ? 'Columns of another name can be mapped: --columns before=acc1,p_s=acc2,p_o=acc3.'
      : `Did you mean ${near.ours} by "${near.name}"? --columns ${near.ours}=${near.name}`,
  );
}

/** `3.0` and `3` are the same number of epochs. */
function plainNumber(text: string): string {
  return /^\d+\.0+$/.test(text) ? String(Number(text)) : text;
}

function told(value: unknown): string {
  const text = cellOf(value);
  return text === undefined ? 'nothing' : `"${text}"`;
}
