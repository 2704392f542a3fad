import { LrdistError } from '../../errors.ts';
import { requireLayers } from '../depth.ts';
import { groupings, parseGrouping, readGroups } from '../groupings.ts';
import type { GroupSpec } from '../groups.ts';
import type { ContextName, TrialRow, TrialTable } from '../trial-table/table.ts';

/** What the rates of a table are rates of. */
export interface TableGroups {
  readonly groups: readonly GroupSpec[];
  readonly layers: number;
  /** As parseGrouping reads it, or the file of the groups. */
  readonly name: string;
  /** [groups]: which rate of a row belongs to each group. */
  readonly order: readonly number[];
  /** What was taken for granted because nobody said it. */
  readonly assumed: readonly ('layers' | 'grouping')[];
}

export interface GroupingOptions {
  /** Grouping of tables that do not name theirs: `depth:10`, `layer`, ..., or a JSON file with groups. */
  readonly grouping?: string | undefined;
  /** Encoder layers of the model, for tables that do not say. */
  readonly layers?: number | undefined;
}

/** The paper's model, BERT-base, where nothing says otherwise. */
const USUAL_LAYERS = 12;

/**
 * Finds the groups of a table: by its column `grouping`, by the option, or by the names in its columns; ordered rates of which nothing is
 * known are taken for groups by depth.
 *
 * @throws LrdistError ERR_TRIAL_TABLE if the columns are not of that grouping, ERR_COMBINE_MIXED if the table names two, and what readGroups throws
 */
export async function groupsOfTable(table: TrialTable, options: GroupingOptions = {}): Promise<TableGroups> {
  const assumed: ('layers' | 'grouping')[] = [];
  const layers = layersOfTable(table, options, assumed);
  const name = groupingOf(table, options) ?? guess(table, layers, assumed);
  const groups = await readGroups(name, layers);
  return { groups, layers, name, order: orderOf(table, groups, name, layers), assumed };
}

/** What the table or the option says. A word of other people's for their grouping says nothing here. */
function groupingOf(table: TrialTable, { grouping }: GroupingOptions): string | undefined {
  const written = onlyValue(table, 'grouping');
  if (written === undefined || written === grouping || !isGrouping(written)) return grouping;
  if (grouping === undefined) return written;
  throw new LrdistError('ERR_INVALID_OPTION', `grouping: ${table.source} says "${written}", not "${grouping}"`, {
    remedy:
      'The option is for tables that do not name their grouping. lrdist rates convert changes the groups of the result.',
  });
}

function isGrouping(text: string): boolean {
  try {
    parseGrouping(text);
    return true;
  } catch {
    return false;
  }
}

function layersOfTable(table: TrialTable, options: GroupingOptions, assumed: ('layers' | 'grouping')[]): number {
  const written = onlyValue(table, 'layers');
  if (written !== undefined && !/^\d+$/.test(written))
    throw new LrdistError('ERR_TRIAL_TABLE', `${table.source}: expected a number of layers, received "${written}"`, {
      remedy: 'Correct the column layers, or remove it and add --layers.',
    });
  const told = written === undefined ? options.layers : Number(written);
  if (told !== undefined) {
    requireLayers(told);
    return told;
  }
  const numbers = table.groups.flatMap((group) => /^layers?_(?:\d+-)?(\d+)/.exec(group)?.[1] ?? []).map(Number);
  if (numbers.length > 0) return Math.max(...numbers) + 1;
  assumed.push('layers');
  return USUAL_LAYERS;
}

/** The grouping with the table's names. */
function guess(table: TrialTable, layers: number, assumed: ('layers' | 'grouping')[]): string {
  const count = table.groups.length;
  if (table.ordered) {
    if (count > layers + 2)
      throw unclear(table, `${count} ordered rates are too many for groups by depth of ${layers} layers`);
    assumed.push('grouping');
    return `depth:${count}`;
  }
  const named = [...groupings.map(({ name }) => name), `depth:${count}`, `depth:${count - 1}`];
  const forms = named.flatMap((name) => [name, `${name}+pooler`]);
  const found = forms.find((form) => {
    const depth = /^depth:(\d+)/.exec(form)?.[1];
    if (depth !== undefined && (Number(depth) < 1 || Number(depth) > layers + 2)) return false;
    return sameNames(table.groups, parseGrouping(form).groups(layers));
  });
  if (found === undefined) throw unclear(table, `its groups (${table.groups.join(', ')}) are of no built-in grouping`);
  return found;
}

function orderOf(table: TrialTable, groups: readonly GroupSpec[], name: string, layers: number): number[] {
  if (table.ordered && groups.length === table.groups.length) return groups.map((_, i) => i);
  if (!table.ordered && sameNames(table.groups, groups)) return groups.map((group) => table.groups.indexOf(group.name));
  throw unclear(
    table,
    `the grouping ${name} of ${layers} layers has the ${groups.length} groups ${groups.map((group) => group.name).join(', ')}; the table has ${table.groups.map((group) => `lr_${group}`).join(', ')}`,
  );
}

function sameNames(names: readonly string[], groups: readonly GroupSpec[]): boolean {
  return names.length === groups.length && groups.every((group) => names.includes(group.name));
}

/** The one value of the rows that have one. */
function onlyValue(table: TrialTable, name: ContextName): string | undefined {
  const valueOf = (row: TrialRow): string | undefined => row.context[name];
  const values = [...new Set(table.rows.filter(({ state }) => state === 'complete').map(valueOf))].filter(
    (value) => value !== undefined,
  );
  if (values.length <= 1) return values[0];
  throw new LrdistError(
    'ERR_COMBINE_MIXED',
    `${table.source} has rows of ${values.length} kinds of ${name}: ${values.join(', ')}`,
    {
      remedy: 'The columns of one table can be rates of one grouping only: split it.',
    },
  );
}

function unclear({ source }: TrialTable, problem: string): LrdistError {
  return new LrdistError('ERR_TRIAL_TABLE', `${source}: ${problem}`, {
    remedy:
      'Say what the rates are of: --grouping depth:10 (layer, layer-kind, ..., or a JSON file with groups) and --layers.',
  });
}
