import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Curve, forecaster } from '../../../../lib/search/samplers/gp/forecast.ts';

/** Losses by step, the last of them at the end where there is one. */
function curve(marks: Readonly<Record<number, number>>, end?: number): Curve {
  const reported = Object.entries(marks).map(([step, loss]) => ({ step: Number(step), losses: [loss] }));
  return end === undefined ? reported : [...reported, { step: Infinity, losses: [end] }];
}

function rounded(values: readonly number[]): number[] {
  return values.map((v) => Number(v.toFixed(9)));
}

test('the mean change of those that came to their end, and its deviation', () => {
  // Changes -1 and -3: mean -2, variance 2. Ends 3 and 5: variance 2. Together (1 * 2 + 2) / 2.
  const curves = [curve({ 1: 4 }, 3), curve({ 1: 8 }, 5), curve({ 1: 10 })];
  const { losses, deviations } = forecaster(curves)({ step: 1, losses: [10] });
  assert.deepEqual(rounded(losses), [8]);
  assert.deepEqual(rounded(deviations), rounded([Math.sqrt(2)]));
});

test('many trials that change alike give a narrow forecast, one a wide one', () => {
  const alike = Array.from({ length: 50 }, (_, i) => curve({ 1: i }, i - 2));
  const narrow = forecaster(alike)({ step: 1, losses: [7] });
  assert.deepEqual(narrow.losses, [5]);
  assert.ok(narrow.deviations[0]! < 3);
  const wide = forecaster([curve({ 1: 4 }, 3), curve({ 2: 0 }, 9)])({ step: 1, losses: [7] });
  assert.deepEqual(wide.losses, [6]);
  assert.ok(wide.deviations[0]! > 4);
});

test('from step to step where nobody came to the end at once', () => {
  // From 1 to 3 by the second, -2; from 3 to the end by the first, -4.
  const curves = [curve({ 3: 5 }, 1), curve({ 1: 9, 3: 7 }), curve({ 1: 12 })];
  assert.deepEqual(forecaster(curves)({ step: 1, losses: [12] }).losses, [6]);
});

test('where nobody went further nothing is known: the loss stays, as uncertain as losses differ', () => {
  const { losses, deviations } = forecaster([curve({ 1: 2 }), curve({ 1: 4 })])({ step: 1, losses: [4] });
  assert.deepEqual(losses, [4]);
  assert.deepEqual(rounded(deviations), rounded([Math.SQRT2]));
});

test('every objective by itself', () => {
  const both: Curve = [
    { step: 1, losses: [1, 10] },
    { step: Infinity, losses: [2, 8] },
  ];
  assert.deepEqual(forecaster([both])({ step: 1, losses: [5, 5] }).losses, [6, 3]);
});
