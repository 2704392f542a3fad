import { sharedGroups } from './compare.ts';
import type { RateDistribution } from './distribution.ts';
import { canvasOf, colours, crosses, escapeXml, steps, svgDocument } from './svg-parts.ts';

/**
 * Distributions as steps over the groups on a logarithmic axis of rates, as an SVG document. A frozen group leaves a gap with a cross on the
 * bottom line.
 *
 * @param stage which of the distributions' stages, from 0
 */
export function renderSvg(distributions: readonly RateDistribution[], stage = 0): string {
  const groups = sharedGroups(distributions, stage);
  const names = groups.map(({ name }) => name);
  const canvas = canvasOf(
    names,
    groups.flatMap(({ rates }) => rates),
  );
  const pieces = distributions.flatMap((distribution, k) => {
    const colour = colours[k % colours.length]!;
    const rates = groups.map((group) => group.rates[k]!);
    const { x, y } = canvas.legend(k);
    return [
      `<path d="${steps(rates, canvas)}" fill="none" stroke="${colour}" stroke-width="2"${k < colours.length ? '' : ' stroke-dasharray="5 3"'}/>`,
      ...crosses(rates, canvas, colour),
      `<rect x="${x}" y="${y - 5}" width="18" height="3" fill="${colour}"/>`,
      `<text x="${x + 26}" y="${y}">${escapeXml(distribution.name)}</text>`,
    ];
  });
  const { x, y } = canvas.legend(0);
  const frozen = groups.some(({ rates }) => rates.includes(0))
    ? [`<text x="${x + 200}" y="${y}">x: frozen</text>`]
    : [];
  const title = `Learning rates: ${distributions.map(({ name }) => name).join(', ')}`;
  return svgDocument(canvas, { title, groups: names, legendLines: distributions.length }, [...pieces, ...frozen]);
}
