/** What the drawings of rates are made of: steps over groups on a logarithmic axis of rates, as pieces of SVG. */
import { type Axis, axisOf } from './axis.ts';

/** Distinct in print and for the colour-blind (Okabe and Ito). */
export const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

const left = 64;
const top = 16;
const plotHeight = 240;
const rowHeight = 18;

/** A drawing with its measures, all in pixels. */
export interface Canvas {
  readonly axis: Axis;
  readonly plotWidth: number;
  /** Width of a group. */
  readonly step: number;
  /** Left edge of group g. */
  readonly x: (g: number) => number;
  /** Height of a rate above 0. */
  readonly y: (rate: number) => number;
  /** Bottom line of the plot. */
  readonly bottom: number;
  /** Place of the k-th line of the legend. */
  readonly legend: (k: number) => { readonly x: number; readonly y: number };
}

/** Room for these groups, an axis for these rates, and so many lines of legend. */
export function canvasOf(groups: readonly string[], rates: readonly number[]): Canvas {
  const axis = axisOf(rates);
  const step = Math.max(18, Math.min(56, Math.floor(720 / groups.length)));
  const longest = Math.max(...groups.map((name) => name.length));
  const legendTop = top + plotHeight + Math.ceil(longest * 5.6) + 20;
  return {
    axis,
    step,
    plotWidth: step * groups.length,
    x: (g) => left + g * step,
    y: (rate) => round(top + plotHeight * (1 - axis.place(rate))),
    bottom: top + plotHeight,
    legend: (k) => ({ x: left, y: legendTop + k * rowHeight }),
  };
}

/** The document around the pieces: white ground, grid, names of the groups. */
export function svgDocument(
  canvas: Canvas,
  {
    title,
    groups,
    legendLines,
  }: { readonly title: string; readonly groups: readonly string[]; readonly legendLines: number },
  pieces: readonly string[],
): string {
  const width = left + Math.max(canvas.plotWidth, 240) + 16;
  const height = canvas.legend(legendLines).y + 12;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...grid(canvas),
    ...groups.map((name, g) => {
      const x = canvas.x(g + 0.5);
      const y = canvas.bottom + 10;
      return `<text x="${x}" y="${y}" text-anchor="end" transform="rotate(-60 ${x} ${y})">${escapeXml(name)}</text>`;
    }),
    ...pieces,
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

function grid({ axis, plotWidth, y }: Canvas): string[] {
  const right = left + plotWidth;
  return [
    ...axis.decades.flatMap((rate) => [
      `<line x1="${left}" y1="${y(rate)}" x2="${right}" y2="${y(rate)}" stroke="#ddd"/>`,
      `<text x="${left - 8}" y="${y(rate) + 4}" text-anchor="end">${rate.toExponential()}</text>`,
    ]),
    `<path d="M${left} ${top}V${top + plotHeight}H${right}" fill="none" stroke="#444"/>`,
    `<text x="14" y="${top + plotHeight / 2}" text-anchor="middle" transform="rotate(-90 14 ${top + plotHeight / 2})">learning rate</text>`,
  ];
}

/** Path of horizontal pieces, joined where neighbours learn; a frozen group leaves a gap. */
export function steps(rates: readonly number[], { x, y }: Canvas): string {
  let open = false;
  return rates
    .map((rate, g) => {
      if (rate === 0) {
        open = false;
        return '';
      }
      const piece = `${open ? `V${y(rate)}` : `M${x(g)} ${y(rate)}`}H${x(g + 1)}`;
      open = true;
      return piece;
    })
    .join('');
}

/** Crosses on the bottom line under the groups that are frozen. */
export function crosses(rates: readonly number[], { x, bottom }: Canvas, colour: string): string[] {
  return rates.flatMap((rate, g) =>
    rate === 0
      ? [`<path d="M${x(g + 0.5) - 3} ${bottom - 3}l6 6m0 -6l-6 6" stroke="${colour}" stroke-width="1.5"/>`]
      : [],
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
