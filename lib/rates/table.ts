import { bertParameterNames } from './names.ts';
import { assign } from './groups.ts';
import { formatRate, type RateDistribution } from './distribution.ts';

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
 * A distribution as text: its name, then for each group the tensors, the elements where known, and per stage the rate with a bar. Bars
 * are on a logarithmic axis over whole powers of ten, named in the heading.
 */
export function renderTable(
  distribution: RateDistribution,
  parameters?: readonly ShapedParameter[],
  barWidth = 24,
): string {
  const rows = describeGroups(distribution, parameters);
  const [low, high] = axis(rows.flatMap((row) => row.rates));
  const withElements = rows.every((row) => row.elements !== undefined);
  const scale = `1e${low} to 1e${high}, log`;
  const stages = distribution.stages.length;
  const heading = ['group', 'tensors', ...(withElements ? ['parameters'] : [])];
  for (let s = 0; s < stages; s++) heading.push(stages === 1 ? 'learning rate' : `stage ${s + 1}`, scale);
  const body = rows.map((row) => [
    row.group,
    String(row.tensors),
    ...(withElements ? [row.elements!.toLocaleString('en-US')] : []),
    ...row.rates.flatMap((rate) => [rate === 0 ? 'frozen' : shortRate(rate), bar(rate, low, high, barWidth)]),
  ]);
  const numeric = heading.map((title) => title !== 'group' && title !== scale);
  return `${distribution.name} (${distribution.layers} ${distribution.layers === 1 ? 'layer' : 'layers'})\n\n${alignColumns([heading, ...body], numeric)}\n`;
}

/** Four significant digits. */
export function shortRate(rate: number): string {
  return formatRate(Number(rate.toPrecision(4)));
}

/** Whole powers of ten around the rates above 0, at least one decade apart. */
function axis(rates: readonly number[]): [low: number, high: number] {
  const learning = rates.filter((rate) => rate > 0).map(Math.log10);
  if (learning.length === 0) return [-6, -5];
  // The smallest rate should still show a piece of bar: an exact power of ten starts a decade lower.
  const low = Math.ceil(Math.min(...learning) - 1e-9) - 1;
  return [low, Math.max(low + 1, Math.ceil(Math.max(...learning) - 1e-9))];
}

function bar(rate: number, low: number, high: number, width: number): string {
  if (rate === 0) return '';
  const eighths = Math.max(1, Math.round(((Math.log10(rate) - low) / (high - low)) * width * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]!;
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
