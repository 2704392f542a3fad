import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { axisOf } from '../../../lib/rates/axis.ts';
import { flat } from '../../../lib/rates/distribution.ts';
import { findPreset, fromPreset } from '../../../lib/rates/presets.ts';
import { renderSvg } from '../../../lib/rates/svg.ts';
import { renderComparison, renderTable } from '../../../lib/rates/table.ts';
import { unfreezeGradually } from '../../../lib/rates/unfreezing.ts';
import { byDepth, rateArbitrary } from './helpers.ts';

test('an axis holds all rates, at least a decade, its ends round', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(rateArbitrary, fc.constant(0)), { minLength: 1 }), (rates) => {
      const { low, high, place, decades } = axisOf(rates);
      assert.ok(high / low >= 10 * (1 - 1e-9));
      for (const rate of rates) if (rate > 0) assert.ok(place(rate) > 0 && place(rate) <= 1 + 1e-9);
      assert.match(high.toExponential(), /^[125]e/);
      assert.equal(decades[0], low);
      assert.ok(place(low) === 0 && Math.abs(place(high) - 1) < 1e-12);
    }),
  );
  assert.equal(axisOf([9.215e-7, 1.119e-5]).label, '1e-7 to 2e-5, log');
});

test('distributions beside one another have a line for each shared group', () => {
  assert.equal(
    renderComparison([flat(1e-4, 1), byDepth(1, [1e-5, 0, 1e-3])], 12),
    [
      '1 layer; bars 1e-6 to 1e-3, log',
      '',
      'group       tensors  flat@1e-4              test',
      'embeddings        5       1e-4  ████████    1e-5  ████',
      'layer_0          16       1e-4  ████████  frozen',
      'heads             4       1e-4  ████████   0.001  ████████████',
      '',
    ].join('\n'),
  );
});

test('few phases are columns, many a column of beginnings', () => {
  assert.match(
    renderTable(fromPreset(findPreset('lp-ft')!, 2, 1e-4)),
    /from 0 % .* from 50 % .*\nbody +37 +frozen +1e-4 /,
  );
  const text = renderTable(unfreezeGradually(flat(1e-4, 3), 0.2));
  assert.match(text, /learns from +learning rate/);
  assert.match(text, /embeddings +5 +80 % +1e-4/);
  assert.match(text, /heads +4 +0 % +1e-4/);
});

/** Points of the step line of the k-th distribution, as [x, y] pairs of its horizontal pieces' ends. */
function lineOf(svg: string, k: number): { y: number; x: number }[] {
  const path = [...svg.matchAll(/<path d="([^"]+)" fill="none" stroke="#\w+" stroke-width="2"/g)][k]![1]!;
  let y = Number.NaN;
  return [...path.matchAll(/M([\d.]+) ([\d.]+)|V([\d.]+)|H([\d.]+)/g)].flatMap((match) => {
    if (match[2] !== undefined) y = Number(match[2]);
    if (match[3] !== undefined) y = Number(match[3]);
    return match[4] === undefined ? [] : [{ x: Number(match[4]), y }];
  });
}

test('the SVG has a step for each group, at the height of its rate', () => {
  const svg = renderSvg([byDepth(2, [1e-5, 1e-4, 1e-3, 1e-2]), flat(1e-4, 2)]);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+ \d+"/);
  const [first, second] = [lineOf(svg, 0), lineOf(svg, 1)];
  assert.equal(first.length, 4);
  const gaps = first.slice(1).map(({ y }, i) => first[i]!.y - y);
  // Three equal decades, upwards.
  for (const gap of gaps) assert.ok(gap > 0 && Math.abs(gap - gaps[0]!) < 0.02);
  assert.ok(first.every(({ x }, i) => i === 0 || x > first[i - 1]!.x));
  assert.ok(second.length === 4 && second.every(({ y }) => y === first[1]!.y));
  for (const label of ['embeddings', 'layer_0', 'layer_1', 'heads', 'flat@1e-4', '1e-5', '1e-2'])
    assert.ok(svg.includes(`>${label}</text>`), label);
});

test('frozen groups leave a gap and are marked, and text is escaped', () => {
  const svg = renderSvg([{ ...byDepth(2, [1e-5, 0, 0, 1e-3]), name: 'a<b>&"' }]);
  assert.equal(lineOf(svg, 0).length, 2);
  assert.equal([...svg.matchAll(/l6 6m0 -6l-6 6/g)].length, 2);
  assert.ok(svg.includes('>a&lt;b&gt;&amp;&quot;</text>'));
  assert.ok(svg.includes('x: frozen'));
  assert.ok(!renderSvg([flat(1e-5)]).includes('frozen'));
});
