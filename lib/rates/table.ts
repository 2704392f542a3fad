import { axisOf, bar } from './axis.ts';
import { sharedGroups } from './compare.ts';
import { formatRate, type RateDistribution } from './distribution.ts';
import { assign } from './groups.ts';
import { bertParameterNames } from './names.ts';

/** One line of the printed table. */
export interface GroupRow {
  readonly group: string;
  /** Tensors in the group. */
  readonly tensors: number;
  /** Numbers in these tensors; undefined where the shapes are not known. */
  readonly elements: number | undefined;
  /** Rate by stage. */
  readonly rates: readonly number[];
}

export interface ShapedParameter {
  readonly name: string;
  readonly shape?: readonly number[];
}

/** Group, size and rates. Without `parameters`, those of a BERT with a pooler and one classifier. */
export function describeGroups(distribution: RateDistribution, parameters?: readonly ShapedParameter[]): GroupRow[] {
  const list: readonly ShapedParameter[] =
    parameters ?? bertParameterNames({ layers: distribution.layers, heads: ['task'] }).map((name) => ({ name }));
  const groupOf = assign(
    list.map(({ name }) => name),
    distribution.groups,
  );
  return distribution.groups.map((group, g) => {
    const members = list.filter((_, p) => groupOf[p] === g);
    const sizes = members.map(({ shape }) => shape?.reduce((product, side) => product * side, 1));
    const elements = sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined;
    return {
      group: group.name,
      tensors: members.length,
      elements,
      rates: distribution.stages.map((stage) => stage[group.name]!),
    };
  });
}

/**
 * A distribution as text: its name, then for each group the tensors, the elements where known, and the rate with a bar, by stage, or by phase
 * where rates change within the stage. Bars are on a logarithmic axis, named in the heading.
 */
export function renderTable(
  distribution: RateDistribution,
  parameters?: readonly ShapedParameter[],
  barWidth = 24,
): string {
  const rows = describeGroups(distribution, parameters);
  const columns = rateColumns(distribution, rows);
  const axis = axisOf(columns.flatMap(({ rates }) => rates));
  const withElements = rows.every((row) => row.elements !== undefined);
  const joins = joining(distribution);
  const heading = [
    'group',
    'tensors',
    ...(withElements ? ['parameters'] : []),
    ...(joins === undefined ? [] : ['learns from']),
  ];
  const body = rows.map((row, g) => [
    row.group,
    String(row.tensors),
    ...(withElements ? [thousands(row.elements!)] : []),
    ...(joins === undefined ? [] : [joins[g]!]),
    ...columns.flatMap(({ rates }) => [rateText(rates[g]!), bar(rates[g]!, axis, barWidth)]),
  ]);
  for (const { title } of columns) heading.push(title, axis.label);
  const numeric = heading.map((title) => title !== 'group' && title !== axis.label);
  const { layers } = distribution;
  return `${distribution.name} (${layers} ${layers === 1 ? 'layer' : 'layers'})\n\n${alignColumns([heading, ...body], numeric)}\n`;
}

/** Several distributions beside one another: one line for each group that they share, one column with a bar for each of them. */
export function renderComparison(distributions: readonly RateDistribution[], barWidth = 16): string {
  const groups = sharedGroups(distributions);
  const axis = axisOf(groups.flatMap(({ rates }) => rates));
  const heading = ['group', 'tensors', ...distributions.flatMap(({ name }) => [name, ''])];
  const body = groups.map(({ name, tensors, rates }) => [
    name,
    String(tensors),
    ...rates.flatMap((rate) => [rateText(rate), bar(rate, axis, barWidth)]),
  ]);
  // Bars start under their own column even where none is long.
  const right = heading.map((title) => title !== 'group' && title !== '');
  const { layers } = distributions[0]!;
  return `${layers} ${layers === 1 ? 'layer' : 'layers'}; bars ${axis.label}\n\n${alignColumns([heading, ...body], right)}\n`;
}

/** Four significant digits. */
export function shortRate(rate: number): string {
  return formatRate(Number(rate.toPrecision(4)));
}

function rateText(rate: number): string {
  return rate === 0 ? 'frozen' : shortRate(rate);
}

/** Few phases get a column each; many are too wide, and their beginnings are told by `joining`. */
const FEW_PHASES = 3;

function rateColumns(
  { stages, phases, groups }: RateDistribution,
  rows: readonly GroupRow[],
): { title: string; rates: number[] }[] {
  return stages.flatMap((_, s) => {
    const title = stages.length === 1 ? 'learning rate' : `stage ${s + 1}`;
    const rates = rows.map((row) => row.rates[s]!);
    if (phases === undefined || phases.length > FEW_PHASES) return [{ title, rates }];
    return phases.map(({ from, factors }) => ({
      title: `${stages.length === 1 ? '' : `${title}, `}from ${percent(from)}`,
      rates: rates.map((rate, g) => rate * factors[groups[g]!.name]!),
    }));
  });
}

/** For each group the share of the steps from which on it learns, where there are many phases. */
function joining({ phases, groups }: RateDistribution): string[] | undefined {
  if (phases === undefined || phases.length <= FEW_PHASES) return undefined;
  return groups.map(({ name }) => {
    const first = phases.find(({ factors }) => factors[name]! > 0);
    return first === undefined ? 'never' : percent(first.from);
  });
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

/** Rows of cells as lines with columns two spaces apart; `right` columns end at the same place. */
export function alignColumns(rows: readonly (readonly string[])[], right: readonly boolean[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, c) => (right[c] ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A whole number with commas. Intl would do it too, but takes 40 ms to load its tables. */
export function thousands(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}
