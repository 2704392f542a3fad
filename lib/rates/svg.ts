import { type Axis, axisOf } from './axis.ts';
import { sharedGroups } from './compare.ts';
import type { RateDistribution } from './distribution.ts';

/** Distinct in print and for the colour-blind (Okabe and Ito). */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

const left = 64;
const top = 16;
const plotHeight = 240;
const rowHeight = 18;

/**
 * Distributions as steps over the groups on a logarithmic axis of rates, as an SVG document. A frozen group leaves a gap with a cross on the
 * bottom line.
 *
 * @param stage which of the distributions' stages, from 0
 */
export function renderSvg(distributions: readonly RateDistribution[], stage = 0): string {
  const groups = sharedGroups(distributions, stage);
  const axis = axisOf(groups.flatMap(({ rates }) => rates));
  const step = Math.max(18, Math.min(56, Math.floor(720 / groups.length)));
  const plotWidth = step * groups.length;
  const longest = Math.max(...groups.map(({ name }) => name.length));
  const labelHeight = Math.ceil(longest * 5.6) + 20;
  const legendTop = top + plotHeight + labelHeight;
  const width = left + Math.max(plotWidth, 240) + 16;
  const height = legendTop + distributions.length * rowHeight + 12;
  const y = (rate: number): number => round(top + plotHeight * (1 - axis.place(rate)));

  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escapeXml(`Learning rates: ${distributions.map(({ name }) => name).join(', ')}`)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...grid(axis, plotWidth, y),
    ...groups.map(({ name }, g) => {
      const x = left + (g + 0.5) * step;
      const bottom = top + plotHeight + 10;
      return `<text x="${x}" y="${bottom}" text-anchor="end" transform="rotate(-60 ${x} ${bottom})">${escapeXml(name)}</text>`;
    }),
    ...distributions.flatMap((distribution, k) => {
      const colour = colours[k % colours.length]!;
      const rates = groups.map((group) => group.rates[k]!);
      const legend = legendTop + k * rowHeight;
      return [
        `<path d="${steps(rates, step, y)}" fill="none" stroke="${colour}" stroke-width="2"${k < colours.length ? '' : ' stroke-dasharray="5 3"'}/>`,
        ...rates.flatMap((rate, g) => (rate === 0 ? [cross(left + (g + 0.5) * step, top + plotHeight, colour)] : [])),
        `<rect x="${left}" y="${legend - 5}" width="18" height="3" fill="${colour}"/>`,
        `<text x="${left + 26}" y="${legend}">${escapeXml(distribution.name)}</text>`,
      ];
    }),
    ...(groups.some(({ rates }) => rates.includes(0))
      ? [`<text x="${left + 200}" y="${legendTop}">x: frozen</text>`]
      : []),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function grid(axis: Axis, plotWidth: number, y: (rate: number) => number): string[] {
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

/** Path of horizontal pieces, joined where neighbours learn. */
function steps(rates: readonly number[], step: number, y: (rate: number) => number): string {
  let open = false;
  return rates
    .map((rate, g) => {
      if (rate === 0) {
        open = false;
        return '';
      }
      const piece = `${open ? `V${y(rate)}` : `M${left + g * step} ${y(rate)}`}H${left + (g + 1) * step}`;
      open = true;
      return piece;
    })
    .join('');
}

function cross(x: number, y: number, colour: string): string {
  return `<path d="M${x - 3} ${y - 3}l6 6m0 -6l-6 6" stroke="${colour}" stroke-width="1.5"/>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
