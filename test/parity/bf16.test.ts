// bfloat16 against fp32 on the same model: products rounded to 8 bits, everything else as before.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { NativePlan } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import {
  anchoredBody,
  openTiny,
  planOf,
  randomValues,
  severalBatches,
  slotOf,
  take,
  type Tiny,
  train,
} from './helpers/tiny.ts';
import { tolerances } from './helpers/tolerances.ts';
import { assertSameNumbers, onCpu } from '../helpers/device.ts';

const skip = loadNative().info().bf16 || !onCpu ? false : 'this processor does not compute in bfloat16';

const open = (t: TestContext, precision: 'fp32' | 'bf16', replicas = 1): Promise<Tiny> =>
  openTiny(t, { precision, replicas });

async function run(tiny: Tiny, rates: readonly number[], change: Partial<NativePlan> = {}) {
  const { session } = tiny;
  session.setPlan(planOf(session, { rates: Float64Array.from(rates), ...change }));
  return train(tiny, { batches: severalBatches(4), factor: 1, clipNorm: 1, stepOffset: 3 });
}

/** |a - b| / |b| over all of a tensor. */
function relative(a: Float32Array, b: Float32Array): number {
  const norm = (x: Float32Array): number => Math.hypot(...x);
  return norm(a.map((v, i) => v - b[i]!)) / norm(b);
}

test('losses, gradients and updates stay near those of fp32, and are not the same', { skip }, async (t) => {
  const full = await open(t, 'fp32');
  const low = await open(t, 'bf16');
  const expected = await run(full, [1e-3]);
  const found = await run(low, [1e-3]);
  const off = found.losses.map((loss, i) => Math.abs(loss / expected.losses[i]! - 1));
  t.diagnostic(`losses off by at most ${Math.max(...off).toExponential(2)} relative`);
  assert.ok(Math.max(...off) < tolerances.bf16.loss && Math.max(...off) > 1e-7, `${off.join(' ')}`);
  const gradients = await take(full.session, 'gradients');
  const largest = Math.max(...[...gradients.values()].map((g) => Math.hypot(...g)));
  let worst = { name: '', value: 0 };
  for (const [name, g] of await take(low.session, 'gradients')) {
    const exact = gradients.get(name)!;
    if (Math.hypot(...exact) < 1e-3 * largest) continue; // the key's bias: 0 but for rounding
    const value = relative(g, exact);
    if (value > worst.value) worst = { name, value };
  }
  t.diagnostic(`gradients off by at most ${worst.value.toExponential(2)} relative (${worst.name})`);
  assert.ok(worst.value < tolerances.bf16.gradient && worst.value > 1e-5, `${worst.name}: ${worst.value}`);
});

test('masters are fp32: updates far below the rounding of bfloat16 are not lost', { skip }, async (t) => {
  const { session, ...rest } = await open(t, 'bf16');
  const before = await take(session, 'weights');
  await run({ session, ...rest }, [1e-7]);
  const after = await take(session, 'weights');
  const name = 'bert.encoder.layer.0.output.dense.weight';
  const moved = after.get(name)!.filter((v, i) => v !== before.get(name)![i]).length;
  assert.ok(moved > 0.5 * before.get(name)!.length, `${moved} of ${before.get(name)!.length} elements moved`);
});

test('replica k has the bits of the same job alone', { skip }, async (t) => {
  const rates = [1e-2, 0, 1e-3];
  const together = await open(t, 'bf16', rates.length);
  const all = await run(together, rates);
  for (const [k, rate] of rates.entries()) {
    const alone = await open(t, 'bf16');
    const one = await run(alone, [rate]);
    assertSameNumbers(all.losses.slice(4 * k, 4 * k + 4), one.losses, `replica ${k}`, 1e-2);
    if (onCpu) assert.deepEqual(await take(together.session, 'weights', k), await take(alone.session, 'weights'));
  }
});

test('every way to change weights reaches the next forward pass', { skip }, async (t) => {
  const tiny = await open(t, 'bf16');
  const { session, dataset } = tiny;
  const logits = () => session.evaluate({ head: 0, dataset, want: 'logits', batchTokens: 64 });
  const first = await logits();
  const slot = await session.snapshot('weights');
  await run(tiny, [1e-2]);
  const trained = await logits();
  assert.notDeepEqual(trained, first);
  await session.restore(slot);
  assert.deepEqual(await logits(), first);
  await session.initialize(Int32Array.from(session.parameters().keys()), 0.3, 5);
  assert.notDeepEqual(await logits(), first);
  await session.restore(slot);
  await session.setReplicas(Int32Array.of(0, 0));
  const two = await logits();
  assertSameNumbers(two.slice(0, first.length), first, 'first', 1e-2);
  assertSameNumbers(two.slice(first.length), first, 'second', 1e-2);
});

test('Mixout runs on the mixed weights', { skip }, async (t) => {
  const tiny = await open(t, 'bf16');
  const anchor = await slotOf(tiny.session, randomValues(tiny.session, 9));
  const plain = await open(t, 'bf16');
  const mixed = await run(tiny, [1e-3], {
    transforms: [{ kind: 'mixout', anchor, probability: 0.5 }],
    anchored: anchoredBody(tiny.session),
  });
  assert.notDeepEqual(mixed.losses, (await run(plain, [1e-3])).losses);
});
