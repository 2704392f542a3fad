import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Space } from '../../../../lib/search/space.ts';
import { unitCube } from '../../../../lib/search/unit-cube.ts';

const space = {
  rate: { kind: 'float', low: 1e-7, high: 1e-3, log: true },
  kind: { kind: 'categorical', choices: ['adamw', 'sgd', 3, true] },
  decay: { kind: 'float', low: 0, high: 0.1 },
  fixed: { kind: 'float', low: 2, high: 2 },
  only: { kind: 'categorical', choices: [false] },
  epochs: { kind: 'int', low: 1, high: 5 },
  width: { kind: 'int', low: 1, high: 1024, log: true },
} as const satisfies Space;

const cube = unitCube(space);
const [rate, , epochs] = cube.numeric;

const parameters = fc.record({
  rate: fc.double({ min: 1e-7, max: 1e-3, noNaN: true }),
  kind: fc.constantFrom(...space.kind.choices),
  decay: fc.double({ min: 0, max: 0.1, noNaN: true }),
  fixed: fc.constant(2),
  only: fc.constant(false),
  epochs: fc.integer({ min: 1, max: 5 }),
  width: fc.integer({ min: 1, max: 1024 }),
});

test('numeric and categorical dimensions are apart, dimensions with one value in neither', () => {
  assert.deepEqual(
    cube.numeric.map(({ name }) => name),
    ['rate', 'decay', 'epochs', 'width'],
  );
  assert.deepEqual(
    cube.categorical.map(({ name }) => name),
    ['kind'],
  );
  assert.deepEqual(
    cube.numeric.map(({ cell }) => cell),
    [0, 0, 0.2, Math.log(3) / Math.log(2049)],
  );
});

test('parameters come back from their point', () => {
  fc.assert(
    fc.property(parameters, (before) => {
      assert.ok(cube.contains(before));
      const point = cube.toPoint(before);
      const after = cube.toParameters(point.unit, point.choices);
      assert.deepEqual(Object.keys(after), Object.keys(space));
      const { rate, decay, ...others } = after;
      const { rate: rateBefore, decay: decayBefore, ...othersBefore } = before;
      assert.ok(Math.abs(Math.log((rate as number) / rateBefore)) < 1e-12);
      assert.ok(Math.abs((decay as number) - decayBefore) < 1e-15);
      assert.deepEqual(others, othersBefore);
    }),
  );
});

test('every point, the corners and beyond, is within the space', () => {
  const coordinate = fc.oneof(fc.double({ min: -0.5, max: 1.5, noNaN: true }), fc.constantFrom(0, 1));
  fc.assert(
    fc.property(fc.tuple(coordinate, coordinate, coordinate, coordinate), fc.nat(3), (unit, choice) => {
      assert.ok(cube.contains(cube.toParameters(unit, [choice])));
    }),
  );
});

test('half of a logarithmic range is its geometric mean', () => {
  assert.ok(Math.abs(rate!.fromUnit(0.5) / 1e-5 - 1) < 1e-12);
  assert.ok(Math.abs(rate!.toUnit(1e-5) - 0.5) < 1e-12);
});

test('an integer is the middle of its cell, and all cells of a linear range are alike', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((value) => epochs!.toUnit(value)),
    [0.1, 0.3, 0.5, 0.7, 0.9],
  );
  assert.deepEqual(
    [0, 0.199, 0.201, 0.399, 0.401, 1].map((unit) => epochs!.fromUnit(unit)),
    [1, 1, 2, 2, 3, 5],
  );
});

test('what lies outside is not contained', () => {
  const inside = { rate: 1e-5, kind: 'sgd', decay: 0, fixed: 2, only: false, epochs: 3, width: 64 };
  assert.ok(cube.contains(inside));
  for (const change of [
    { rate: 1e-2 },
    { rate: NaN },
    { rate: '1e-5' },
    { kind: 'adam' },
    { fixed: 3 },
    { only: true },
    { epochs: 2.5 },
    { epochs: 6 },
  ])
    assert.ok(!cube.contains({ ...inside, ...change }), JSON.stringify(change));
  assert.ok(!cube.contains(Object.fromEntries(Object.entries(inside).filter(([name]) => name !== 'width'))));
});
