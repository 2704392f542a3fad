import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { NativeSession } from '../../lib/native/boundary.ts';
import { assertGradients, assertWithin, gradientGaps } from './helpers/compare.ts';
import { readFixture } from './helpers/fixture.ts';
import { addRows, lossAndGradients, openSession } from './helpers/session.ts';
import { tolerances } from './helpers/tolerances.ts';

const fixture = readFixture('dropout');
const [gradient] = fixture.gradients;
assert.ok(gradient !== undefined);
const { parts, dropout, stepOffset } = gradient;
const all = [...fixture.rows.keys()];
const whole = { parts, dropout, stepOffset, batches: [{ rows: all, weight: 1, part: 0 }] };

async function open(t: TestContext): Promise<NativeSession> {
  const session = await openSession(fixture);
  t.after(() => session.closeSync());
  return session;
}

test('micro-batches give the step of one big batch, dropout on', async (t) => {
  const session = await open(t);
  const dataset = addRows(session, fixture);
  const big = await lossAndGradients(session, dataset, whole);
  for (const sizes of [[6, 6], [1, 11], [5, 4, 3], Array.from({ length: 12 }, () => 1)]) {
    let start = 0;
    const batches = sizes.map((size) => ({
      rows: all.slice(start, (start += size)),
      weight: size / all.length,
      part: 0,
    }));
    const small = await lossAndGradients(session, dataset, { ...whole, batches });
    assertWithin(`loss in batches of ${sizes.join(', ')}`, Math.abs(small.loss - big.loss), tolerances.loss);
    assertGradients(small.gradients, big.gradients, tolerances.sameStep);
  }
});

test('where a row lies in the dataset does not matter', async (t) => {
  const session = await open(t);
  const shuffled = [7, 2, 11, 0, 5, 9, 1, 10, 4, 8, 3, 6];
  const original = await lossAndGradients(session, addRows(session, fixture), whole);
  const moved = await lossAndGradients(session, addRows(session, fixture, shuffled), {
    ...whole,
    batches: [{ rows: all.map((row) => shuffled.indexOf(row)), weight: 1, part: 0 }],
  });
  assert.equal(moved.loss, original.loss);
  assert.deepEqual(moved.gradients, original.gradients);
});

test('the order of rows within a step does not matter without dropout, and draws other masks with it', async (t) => {
  const session = await open(t);
  const dataset = addRows(session, fixture);
  const reversed = [{ rows: [...all].reverse(), weight: 1, part: 0 }];
  const forward = await lossAndGradients(session, dataset, { ...whole, dropout: false });
  const backward = await lossAndGradients(session, dataset, { ...whole, dropout: false, batches: reversed });
  assertWithin('loss', Math.abs(forward.loss - backward.loss), tolerances.loss);
  assertGradients(backward.gradients, forward.gradients, tolerances.sameStep);

  const masked = await lossAndGradients(session, dataset, whole);
  const other = await lossAndGradients(session, dataset, { ...whole, batches: reversed });
  assert.ok(gradientGaps(other.gradients, masked.gradients)[0]!.value > 1e-2);
});

test('masks change with the step and the seed, and repeat with them', async (t) => {
  const session = await open(t);
  const dataset = addRows(session, fixture);
  const first = await lossAndGradients(session, dataset, whole);
  assert.deepEqual(await lossAndGradients(session, dataset, whole), first);
  assert.notEqual(
    (await lossAndGradients(session, dataset, { ...whole, stepOffset: stepOffset + 1 })).loss,
    first.loss,
  );
  // Seeds that agree in their low 32 bits are different seeds.
  const other = await openSession(fixture, { seed: fixture.seed % 2 ** 32 });
  t.after(() => other.closeSync());
  assert.notEqual((await lossAndGradients(other, addRows(other, fixture), whole)).loss, first.loss);
});

test('a frozen prefix leaves the gradients above it as they were', async (t) => {
  const session = await open(t);
  const dataset = addRows(session, fixture);
  const free = await lossAndGradients(session, dataset, whole);
  for (const frozen of [/embeddings/, /embeddings|layer\.0\./, /embeddings|layer\./, /bert/]) {
    const part = await lossAndGradients(session, dataset, whole, (name) => frozen.test(name));
    assert.equal(part.loss, free.loss);
    const learning = new Map([...free.gradients].filter(([name]) => !frozen.test(name)));
    assert.ok(learning.size > 0);
    assertGradients(part.gradients, learning, tolerances.sameStep);
  }
});

test('the same numbers come with more threads and from each replica', async (t) => {
  const one = await open(t);
  const reference = await lossAndGradients(one, addRows(one, fixture), whole);
  const two = await openSession(fixture, { threads: 2, replicas: 2 });
  t.after(() => two.closeSync());
  const both = await lossAndGradients(two, addRows(two, fixture), whole);
  assertWithin('loss', Math.abs(both.loss - reference.loss), tolerances.loss);
  // Gradients read are those of the last replica.
  assertGradients(both.gradients, reference.gradients, tolerances.sameStep);
});
