import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  defaultMeasureRows,
  measureRowsFor,
  type MeasureOptions,
  parseMeasures,
  planMeasures,
} from '../../../../lib/forgetting/measure/index.ts';

const text = {
  rows: {
    inputIds: new Int32Array(1),
    typeIds: new Uint8Array(1),
    offsets: Int32Array.of(0, 1),
    labels: Float32Array.of(NaN),
  },
  masking: { probability: 0.15, maskId: 4, special: new Int32Array(0) },
};
const refuses = (options: unknown, pattern: RegExp, code = 'ERR_INVALID_OPTION'): void =>
  void assert.throws(() => planMeasures(options as MeasureOptions), { code, message: pattern });

test('nothing is planned where nothing is asked for', () => {
  for (const off of [undefined, false, { measures: [] }] as const) assert.equal(planMeasures(off), undefined);
});

test('by default all that needs no text, with the default rows', () => {
  const all = ['drift', 'conflict', 'similarity', 'probe'];
  const plan = { measures: all, rows: defaultMeasureRows, text: undefined, retrainHead: false };
  assert.deepEqual(planMeasures(true), plan);
  assert.deepEqual(planMeasures({ text })!.measures, [...all, 'masked_lm']);
  const some = planMeasures({ measures: ['probe', 'drift', 'probe'], rows: { probe: 10 } })!;
  assert.deepEqual(some.measures, ['drift', 'probe']);
  assert.deepEqual(some.rows, { ...defaultMeasureRows, probe: 10 });
});

test('a short run is measured on fewer rows, unless they are given', () => {
  assert.deepEqual(measureRowsFor(Infinity), defaultMeasureRows);
  assert.deepEqual(measureRowsFor(6000), { conflict: 32, scored: 128, probe: 192, masked_lm: 16 });
  assert.deepEqual(measureRowsFor(1), { conflict: 8, scored: 32, probe: 48, masked_lm: 4 });
  const { rows } = planMeasures({ rows: { scored: 500 } }, 6000)!;
  assert.deepEqual(rows, { conflict: 32, scored: 500, probe: 192, masked_lm: 16 });
});

test('wrong options are refused', () => {
  refuses({ measures: ['drif'] }, /measures\.0/);
  refuses({ rows: { probe: 3 } }, /rows\.probe/);
  refuses({ rows: { conflict: 1.5 } }, /rows\.conflict/);
  refuses({ measure: [] }, /no option "measure"/, 'ERR_UNKNOWN_OPTION');
  refuses({ measures: ['masked_lm'] }, /masked_lm needs held text/);
  refuses({ measures: ['drift'], text }, /masked_lm is not measured/);
  refuses({ measures: ['drift'], retrainHead: true }, /retrainHead would do nothing/);
  refuses({ text, rows: { masked_lm: 1 }, retrainHead: true }, /has 1 rows and 1 are measured, so none is left/);
});

test("the command line's list", () => {
  assert.equal(parseMeasures('none', false), undefined);
  assert.equal(parseMeasures('', true), undefined);
  assert.deepEqual(parseMeasures('all', false), { measures: ['drift', 'conflict', 'similarity', 'probe'] });
  assert.deepEqual(parseMeasures('all', true)!.measures, ['drift', 'conflict', 'similarity', 'probe', 'masked_lm']);
  assert.deepEqual(parseMeasures('drift, conflict:32,similarity:99,masked-lm:8', true), {
    measures: ['drift', 'conflict', 'similarity', 'masked_lm'],
    rows: { conflict: 32, scored: 99, masked_lm: 8 },
  });
  for (const [list, message] of [
    ['drift:3', /expected drift, received "drift:3"/],
    ['probe:x', /probe:256, received "probe:x"/],
    ['probe:1:2', /received "probe:1:2"/],
    ['drift,none', /no measure "none"/],
  ] as const)
    assert.throws(() => parseMeasures(list, false), { code: 'ERR_INVALID_OPTION', message });
  assert.throws(() => parseMeasures('conflit', false), { remedy: 'Did you mean conflict?' });
});
