import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { QrDecomposition, Matrix as Dense } from 'ml-matrix';
import { centred, centredLayer, linearCka, type Matrix } from '../../../../lib/forgetting/measure/similarity.ts';
import { matrixOf, multiply, near, randomMatrix, transpose } from './helpers.ts';

interface Fixture {
  readonly similarity: readonly { readonly x: number[][]; readonly y: number[][]; readonly cka: number }[];
}
const fixture = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../parity/fixtures/probes.json'), 'utf8'),
) as Fixture;

/** HSIC of linear kernels with the centring matrix H written out: tr(K H L H). */
function hsic(x: Matrix, y: Matrix): number {
  const { rows } = x;
  const h: Matrix = {
    values: Float64Array.from(
      { length: rows * rows },
      (_, i) => (i % rows === Math.floor(i / rows) ? 1 : 0) - 1 / rows,
    ),
    rows,
    columns: rows,
  };
  const left = multiply(multiply(x, transpose(x)), h);
  const right = multiply(multiply(y, transpose(y)), h);
  const product = multiply(left, right);
  let trace = 0;
  for (let i = 0; i < rows; i++) trace += product.values[i * rows + i]!;
  return trace;
}

const similarity = (x: Matrix, y: Matrix): number => linearCka(centred(x), centred(y))!;

function orthogonal(size: number, seed: number): Matrix {
  const random = randomMatrix(size, size, seed);
  const { orthogonalMatrix } = new QrDecomposition(Dense.from1DArray(size, size, random.values));
  return { values: Float64Array.from(orthogonalMatrix.to1DArray()), rows: size, columns: size };
}

const shapes = fc.record({
  rows: fc.integer({ min: 3, max: 14 }),
  p: fc.integer({ min: 1, max: 12 }),
  q: fc.integer({ min: 1, max: 12 }),
  seed: fc.nat(),
});

test("linear CKA equals NumPy's by its definition", () => {
  assert.ok(fixture.similarity.length >= 4);
  for (const { x, y, cka } of fixture.similarity) near(similarity(matrixOf(x), matrixOf(y)), cka, 1e-10);
});

test('both forms equal the one from Gram matrices, with more rows than columns and with fewer', () => {
  fc.assert(
    fc.property(shapes, ({ rows, p, q, seed }) => {
      const x = randomMatrix(rows, p, seed);
      const y = randomMatrix(rows, q, seed + 1);
      const expected = hsic(x, y) / Math.sqrt(hsic(x, x) * hsic(y, y));
      near(similarity(x, y), expected, 1e-9);
      assert.ok(similarity(x, y) >= 0 && similarity(x, y) <= 1 + 1e-12);
      near(similarity(y, x), similarity(x, y), 1e-12);
    }),
  );
});

test('it does not change with an orthogonal transform, a scale or a shift', () => {
  fc.assert(
    fc.property(shapes, fc.double({ min: 0.01, max: 100, noNaN: true }), ({ rows, p, q, seed }, scale) => {
      const x = randomMatrix(rows, p, seed);
      const y = randomMatrix(rows, q, seed + 1);
      const turned = multiply(y, orthogonal(q, seed + 2));
      const moved = { ...turned, values: turned.values.map((value) => scale * value + 3) };
      near(similarity(x, moved), similarity(x, y), 1e-9);
      near(similarity(y, moved), 1, 1e-9);
    }),
  );
});

test('it does change with a transform that is not orthogonal', () => {
  const x = randomMatrix(30, 3, 1);
  const stretched = { ...x, values: x.values.map((value, i) => (i % 3 === 0 ? 10 * value : value)) };
  assert.ok(similarity(x, stretched) < 0.9);
});

test('of the same bits it is exactly 1, of what does not vary there is none', () => {
  for (const [rows, columns] of [
    [20, 4],
    [4, 20],
  ] as const) {
    const x = centred(randomMatrix(rows, columns, 5));
    assert.equal(linearCka(x, x), 1);
    const constant = centred({ values: new Float64Array(rows * columns).fill(2), rows, columns });
    assert.equal(linearCka(x, constant), null);
    const broken = { ...x, values: x.values.map((value, i) => (i === 1 ? NaN : value)) };
    assert.equal(linearCka(x, broken), null);
  }
  assert.throws(() => linearCka(randomMatrix(3, 2, 1), randomMatrix(4, 2, 1)), RangeError);
});

test('a layer is cut out of [rows x layers x hidden] and centred', () => {
  const states = Float32Array.from({ length: 2 * 3 * 2 }, (_, i) => i ** 2);
  const { values, rows, columns } = centredLayer(states, 2, 3, 1);
  assert.deepEqual([rows, columns], [2, 2]);
  // Rows 0 and 1 of layer 1 hold 4, 9 and 64, 81.
  assert.deepEqual([...values], [-30, -36, 30, 36]);
});
