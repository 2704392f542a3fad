import { formatRate } from '../distribution.ts';
import { canvasOf, colours, crosses, escapeXml, steps, svgDocument, type Canvas } from '../svg-parts.ts';
import type { CombinedTables } from './tables.ts';

interface Line {
  readonly label: string;
  readonly rates: readonly number[];
  readonly stroke: string;
  /** Joins between neighbours are drawn faintly, so that many lines stay apart. */
  readonly faintJoins?: boolean;
}

/** From this width on, the pairs have a column of the legend to themselves. */
const TWO_COLUMNS = 480;

/**
 * The combined rates as steps with their band, the pairs (of a single pair its best trial), and a flat rate to compare with, on a logarithmic axis.
 *
 * @param options.baseline the flat rate; 0 = none
 */
export function renderCombinedSvg(
  { distribution, combination }: CombinedTables,
  { baseline = 2e-5 }: { readonly baseline?: number } = {},
): string {
  const groups = distribution.groups.map(({ name }) => name);
  const { rates, low, high, spread } = combination;
  const others = otherLines(combination);
  const flat = baseline > 0 ? [baseline] : [];
  const all = [...low, ...high, ...flat, ...others.flatMap((line) => line.rates)];
  const canvas = canvasOf(groups, all);
  const combined: Line = { label: distribution.name, rates, stroke: `stroke="${colours[0]}" stroke-width="3"` };
  const flatLine = flat.map((rate): Line => {
    return {
      label: `flat ${formatRate(rate)}`,
      rates: groups.map(() => rate),
      stroke: 'stroke="#444" stroke-width="1.5" stroke-dasharray="6 4"',
    };
  });
  const own: Entry[] = [
    { label: `${combined.label}${rates.includes(0) ? ' (x: frozen)' : ''}`, mark: (x, y) => lineMark(combined, x, y) },
    { label: `one standard deviation over the ${spread}`, mark: bandMark },
    ...flatLine.map((line): Entry => ({ label: line.label, mark: (x, y) => lineMark(line, x, y) })),
  ];
  const pairs = others.map((line): Entry => ({ label: line.label, mark: (x, y) => lineMark(line, x, y) }));
  const legend = legendOf(own, pairs, canvas);
  const pieces = [
    ...bandOf(low, high, canvas),
    // The result lies over the others.
    ...[...flatLine, ...others, combined].flatMap((line) => pathsOf(line, canvas)),
    ...crosses(rates, canvas, colours[0]!),
    ...legend.pieces,
  ];
  const title = `Learning rates: ${distribution.name}, combined from ${combination.pairs.map(({ pair }) => pair).join(', ')}`;
  return svgDocument(canvas, { title, groups, legendLines: legend.lines }, pieces);
}

interface Entry {
  readonly label: string;
  readonly mark: (x: number, y: number) => string;
}

/** The result's own entries, and those of the pairs beside them where there is room, else below. */
function legendOf(own: readonly Entry[], pairs: readonly Entry[], canvas: Canvas): { pieces: string[]; lines: number } {
  const wide = canvas.plotWidth >= TWO_COLUMNS;
  const place = ({ label, mark }: Entry, line: number, shift: number): string[] => {
    const { x, y } = canvas.legend(line);
    return [mark(x + shift, y), `<text x="${x + shift + 26}" y="${y}">${escapeXml(label)}</text>`];
  };
  return {
    pieces: [
      ...own.flatMap((entry, k) => place(entry, k, 0)),
      ...pairs.flatMap((entry, k) => (wide ? place(entry, k, canvas.plotWidth / 2) : place(entry, own.length + k, 0))),
    ],
    lines: wide ? Math.max(own.length, pairs.length) : own.length + pairs.length,
  };
}

function otherLines({ pairs }: CombinedTables['combination']): Line[] {
  const [only] = pairs;
  const thin = (k: number): string =>
    `stroke="${colours[1 + (k % (colours.length - 1))]}" stroke-width="1.5"${k < colours.length - 1 ? '' : ' stroke-dasharray="2 2"'}`;
  if (pairs.length === 1)
    return [{ label: `best trial of ${only!.pair}`, rates: only!.best.rates, stroke: thin(0), faintJoins: true }];
  return pairs.map(({ pair, rates }, k) => ({ label: pair, rates, stroke: thin(k), faintJoins: true }));
}

function pathsOf({ rates, stroke, faintJoins }: Line, canvas: Canvas): string[] {
  const joined = steps(rates, canvas);
  if (faintJoins !== true) return [`<path d="${joined}" fill="none" ${stroke}/>`];
  const levels = rates
    .map((rate, g) => (rate === 0 ? '' : `M${canvas.x(g)} ${canvas.y(rate)}h${canvas.step}`))
    .join('');
  return [
    `<path d="${joined}" fill="none" ${stroke} stroke-opacity="0.3"/>`,
    `<path d="${levels}" fill="none" ${stroke}/>`,
  ];
}

function bandOf(low: readonly number[], high: readonly number[], { x, y, step }: Canvas): string[] {
  return low.flatMap((rate, g) =>
    rate === 0
      ? []
      : [
          `<rect x="${x(g)}" y="${y(high[g]!)}" width="${step}" height="${y(rate) - y(high[g]!)}" fill="${colours[0]}" fill-opacity="0.15"/>`,
        ],
  );
}

function lineMark({ stroke }: Line, x: number, y: number): string {
  return `<path d="M${x} ${y - 4}h18" fill="none" ${stroke}/>`;
}

function bandMark(x: number, y: number): string {
  return `<rect x="${x}" y="${y - 9}" width="18" height="10" fill="${colours[0]}" fill-opacity="0.15"/>`;
}
