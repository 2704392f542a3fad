import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderCombinedSvg } from '../../../../lib/rates/combine/svg.ts';
import { renderCombined } from '../../../../lib/rates/combine/table.ts';
import { combineTables, type CombinedTables } from '../../../../lib/rates/combine/tables.ts';
import { parseTrialTable } from '../../../../lib/rates/trial-table.ts';

const combined = (rows: readonly string[]): Promise<CombinedTables> =>
  combineTables(
    [
      parseTrialTable(`pair,lr_embeddings,lr_layer_0,lr_heads,before,p_s,p_o\n${rows.join('\n')}\n`, {
        source: 'a.csv',
        format: 'csv',
      }),
    ],
    { name: 'both' },
  );

const two = ['a->b,1e-6,0,1e-4,.9,.8,.7', 'b->a,1e-4,0,1e-4,.6,.5,.4'];
const one = ['a<b,1e-6,1e-5,1e-4,.9,.8,.7', 'a<b,1e-5,1e-5,1e-3,.9,.8,.6'];

test('the table has rate, band and the pair that matters most for each group, then the pairs', async () => {
  assert.equal(
    renderCombined(await combined(two)),
    [
      'both (1 layer) from 2 trials of 2 pairs',
      '',
      'group       tensors  learning rate  1e-6 to 1e-4, log     band over the pairs  at most without one pair',
      'embeddings        5           1e-5  ██████████            3.85e-7 to 2.6e-4    x10 (a->b)',
      'layer_0          16         frozen',
      'heads             4           1e-4  ████████████████████  1e-4 to 1e-4         x1',
      '',
      'pair  trials  effective  best  before  p_s  p_o  the result without it is off by',
      'a->b       1        1.0   1.5     0.9  0.8  0.7  a factor of 3.78 in the mean, 10 at most',
      'b->a       1        1.0   0.9     0.6  0.5  0.4  a factor of 3.78 in the mean, 10 at most',
      '',
    ].join('\n'),
  );
  const single = renderCombined(await combined(one));
  assert.match(single, /from 2 trials of 1 pair\n/);
  assert.match(single, /band over the trials\n/);
  assert.doesNotMatch(single, /without/);
});

/** The y of the horizontal pieces of the path with this stroke. */
function heights(svg: string, stroke: RegExp): number[] {
  const path = [...svg.matchAll(/<path d="([^"]+)" fill="none" ([^>]+)\/>/g)].find((match) =>
    stroke.test(match[2]!),
  )![1]!;
  return [...path.matchAll(/M[\d.]+ ([\d.]+)|V([\d.]+)/g)].map((match) => Number(match[1] ?? match[2]));
}

test('the drawing has the result over its band, the pairs and a flat rate, each at its height', async () => {
  const result = await combined(two);
  const svg = renderCombinedSvg(result, { baseline: 1e-5 });
  assert.match(svg, /^<svg xmlns[\s\S]*<\/svg>\n$/);
  for (const label of [
    'both (x: frozen)',
    'one standard deviation over the pairs',
    'flat 1e-5',
    'a-&gt;b',
    'b-&gt;a',
    'embeddings',
  ])
    assert.ok(svg.includes(`>${label}</text>`), label);
  const [result0] = heights(svg, /stroke-width="3"/);
  const [flat] = heights(svg, /stroke-dasharray="6 4"/);
  assert.equal(result0, flat);
  const [low] = heights(svg, /stroke="#d55e00" stroke-width="1.5"$/);
  const [high] = heights(svg, /stroke="#009e73" stroke-width="1.5"$/);
  assert.ok(Math.abs((low! + high!) / 2 - result0!) < 0.02 && low! > high!);
  // A band for each group that learns, a cross for the one that does not.
  const bands = [...svg.matchAll(/<rect x="(\d+)" y="([\d.]+)" width="56" height="([\d.]+)" fill="#0072b2"/g)];
  assert.equal(bands.length, 2);
  const [, , top, height] = bands[0]!.map(Number);
  assert.ok(Math.abs(top! + height! / 2 - result0!) < 0.02 && height! > low! - high!);
  assert.equal([...svg.matchAll(/l6 6m0 -6l-6 6/g)].length, 1);
  assert.ok(!renderCombinedSvg(result, { baseline: 0 }).includes('flat'));
});

test('of a single pair the best trial is drawn', async () => {
  const svg = renderCombinedSvg(await combined(one));
  assert.ok(svg.includes('>best trial of a&lt;b</text>'));
  assert.ok(svg.includes('>one standard deviation over the trials</text>'));
  assert.ok(svg.includes('>flat 2e-5</text>'));
});

/** Every text of the legend lies within the document. */
function assertFits(svg: string): void {
  const [width, height] = ['width', 'height'].map((side) => Number(new RegExp(` ${side}="(\\d+)"`).exec(svg)![1]));
  const texts = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)">/g)];
  assert.ok(texts.length > 3);
  for (const [, x, y] of texts) assert.ok(Number(x) < width! && Number(y) < height!);
}

test('many pairs stay apart, and the legend fits the document', async () => {
  const rows = Array.from({ length: 9 }, (_, i) => `p${i}->q,1e-${4 + (i % 3)},1e-5,1e-4,.9,.8,.7`);
  const svg = renderCombinedSvg(await combined(rows));
  assertFits(svg);
  const strokes = [
    ...svg.matchAll(/fill="none" (stroke="#\w+" stroke-width="1\.5"(?: stroke-dasharray="2 2")?)\/>/g),
  ].map((match) => match[1]);
  assert.equal(new Set(strokes).size, 9);
});

test('where there is room, the pairs have a column of the legend to themselves', async () => {
  const heading = `pair,${Array.from({ length: 10 }, (_, i) => `lr_${i}`)},score`;
  const rows = Array.from({ length: 6 }, (_, i) => `p${i}->q,${Array(10).fill(`1e-${4 + (i % 3)}`)},1`);
  const svg = renderCombinedSvg(
    await combineTables([parseTrialTable([heading, ...rows].join('\n'), { source: 'a.csv', format: 'csv' })]),
  );
  assertFits(svg);
  const place = (label: string): number[] =>
    new RegExp(`<text x="([\\d.]+)" y="([\\d.]+)">${label}<`).exec(svg)!.slice(1).map(Number);
  const [[x0, y0], [x1, y1]] = [place('combined'), place('p0-&gt;q')] as [[number, number], [number, number]];
  assert.ok(y0 === y1 && x1 > x0);
});
