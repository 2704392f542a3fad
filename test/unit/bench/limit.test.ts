import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  activationBytes,
  attentionFlops,
  type Form,
  forms,
  optimizerBytes,
  productFlops,
  ratesFrom,
  stepLimit,
  stepLinears,
  type StepWork,
} from '../../../bench/lib/limit.ts';

const base = { hidden: 768, layers: 12, intermediate: 3072 };
const work: StepWork = {
  tokens: 1024,
  rows: 32,
  squares: 32 * 32 * 32,
  moved: 109.5e6,
  converted: 85e6,
  precision: 'fp32',
};
const flops = (w: StepWork, shape = base): number =>
  forms.length * stepLinears(shape, w).reduce((sum, linear) => sum + productFlops(linear), 0);

test('a step of BERT-base needs 6 operations a weight and token, less what the last layer saves', () => {
  const weights = 12 * 12 * 768 ** 2;
  const all = 6 * weights * work.tokens;
  // Query, attention's output and inner layer of the last layer run over 32 rows instead of 1,024 tokens; the pooler comes on top.
  const saved = 6 * 10 * 768 ** 2 * (work.tokens - work.rows);
  assert.equal(flops(work), all - saved + 6 * 768 ** 2 * work.rows);
  assert.ok(Math.abs(flops(work) / 0.4874e12 - 1) < 0.01);
});

test('where every row is one token, the last layer saves nothing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 6 }), (rows, layers) => {
      const shape = { hidden: 8, layers, intermediate: 32 };
      const w = { ...work, tokens: rows, rows };
      assert.equal(flops(w, shape), 6 * rows * (layers * 12 * 64 + 64));
    }),
  );
});

test('attention counts pairs of tokens, and one query a row in the last layer', () => {
  // Two rows of 3 and 5 tokens: forward Q K^T and P V take 2 operations each for a pair and channel, backward twice that.
  const two = { ...work, tokens: 8, rows: 2, squares: 9 + 25 };
  assert.equal(attentionFlops({ ...base, layers: 1 }, two), 12 * 768 * 8);
  assert.equal(attentionFlops({ ...base, layers: 2 }, two), 12 * 768 * (34 + 8));
});

test('bytes: 28 a parameter that moves, activations written and read once, half of them in bf16', () => {
  assert.equal(optimizerBytes(work), 28 * work.moved);
  assert.equal(optimizerBytes({ ...work, precision: 'bf16' }), 28 * work.moved + 2 * work.converted);
  const one = { hidden: 4, layers: 1, intermediate: 16 };
  // 10 tokens in 2 rows: keys and values of all, 2 x 4 values; the other 4 x 4 + 2 x 16 of the rows alone.
  assert.equal(activationBytes(one, { ...work, tokens: 10, rows: 2 }), 2 * 4 * (10 * 8 + 2 * 48));
  assert.equal(activationBytes(one, { ...work, tokens: 10, rows: 2, precision: 'bf16' }), 2 * 2 * (10 * 8 + 2 * 48));
});

test('the limit is operations over the rate of the products plus bytes over the copy bandwidth', () => {
  const limit = stepLimit(base, work, { flops: () => 2e11, copyBytes: 5e10 });
  assert.ok(Math.abs(limit.matrixRate / 2e11 - 1) < 1e-12);
  assert.ok(Math.abs(limit.seconds / (limit.flops / 2e11 + limit.bytes / 5e10) - 1) < 1e-12);
  assert.equal(limit.flops, flops(work) + attentionFlops(base, work));
});

test('the matrix rate weighs each product by its time', () => {
  const [first] = stepLinears(base, work);
  const slow = stepLimit(base, work, {
    flops: (linear, form) => (linear.n === first!.n && form === 'forward' ? 1e11 : 2e11),
    copyBytes: 5e10,
  });
  const share = productFlops(first!) / flops(work);
  assert.ok(Math.abs(slow.matrixRate / (2e11 / (1 + share)) - 1) < 1e-12);
});

test('measured rates are found by shape and form, and one that is missing is no rate', () => {
  const linears = [
    { m: 8, n: 4, k: 2, count: 1 },
    { m: 8, n: 2, k: 4, count: 1 },
  ];
  const product = (...best: (number | null)[]) =>
    Object.fromEntries(forms.map((form, i) => [form, { best: best[i]! }])) as Record<Form, { best: number | null }>;
  const rates = ratesFrom(linears, { products: [product(1, 2, 3), product(4, null, 6)], copyBytesPerSecond: 7 });
  assert.deepEqual(
    forms.map((form) => rates.flops(linears[0]!, form)),
    [1, 2, 3],
  );
  assert.equal(rates.flops({ ...linears[1]!, count: 5 }, 'weightGradient'), 6);
  assert.equal(rates.copyBytes, 7);
  assert.throws(() => rates.flops(linears[1]!, 'inputGradient'), /no rate was measured for inputGradient of 8,2,4/);
  assert.throws(() => rates.flops({ m: 1, n: 1, k: 1, count: 1 }, 'forward'), /no rate/);
});
