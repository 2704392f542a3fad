// Rows of the word embedding that have no gradient wait for the steps they missed: at the latest until the segment ends.
import { test } from 'node:test';
import { assertSame } from './helpers/pulls.ts';
import { heads, openTiny, planOf, severalBatches, take, train } from './helpers/tiny.ts';

const batches = severalBatches(6);
const cases = {
  'AdamW without decay': { optimizer: 'adamw', decay: 0 },
  'AdamW with decay': { optimizer: 'adamw', decay: 0.05 },
  'Adam without decay': { optimizer: 'adam', decay: 0 },
  'Adam with decay': { optimizer: 'adam', decay: 0.05 },
} as const;

for (const [name, { optimizer, decay }] of Object.entries(cases))
  test(`${name}: a segment has the bits of its steps one by one`, async (t) => {
    const [whole, apart] = [await openTiny(t), await openTiny(t)];
    for (const { session } of [whole, apart])
      session.setPlan(
        planOf(session, {
          rates: Float64Array.of(0.01),
          decay: Float64Array.of(decay),
          optimizer: { name: optimizer, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        }),
      );
    await train(whole, { batches, factor: 1, clipNorm: 1 });
    for (const [step, batch] of batches.entries())
      await train(apart, { batches: [batch], factor: 1, clipNorm: 1, stepOffset: step });
    for (const buffer of ['weights', 'exp_avg', 'exp_avg_sq'] as const)
      assertSame(`${name}, ${buffer}`, await take(whole.session, buffer), await take(apart.session, buffer));
  });

test('a decoder tied to the table sees every row up to date', async (t) => {
  const masking = { probability: 0.4, maskId: 3, special: Int32Array.of(0) };
  const parts = [
    { head: heads.three, loss: 'cross-entropy' },
    { head: heads.words, loss: 'masked-lm', masking },
  ] as const;
  const mixed = batches.map((batch, step) => [[step % 2, 1, batch[0]![2]] as const]);
  const [whole, apart] = [await openTiny(t), await openTiny(t)];
  for (const { session } of [whole, apart]) session.setPlan(planOf(session, { rates: Float64Array.of(0.01) }));
  await train(whole, { parts, batches: mixed, factor: 1 });
  for (const [step, batch] of mixed.entries())
    await train(apart, { parts, batches: [batch], factor: 1, stepOffset: step });
  assertSame('weights', await take(whole.session, 'weights'), await take(apart.session, 'weights'));
});
