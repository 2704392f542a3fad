import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Matmul, NativeSession } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import { tinyData, tinyModel, tinyPlan, tinySegment, tinySpec } from '../helpers/native.ts';

const layer = tinyModel;

async function open(matmul: Matmul): Promise<NativeSession> {
  const session = new (loadNative().Session)({ ...tinySpec, device: 'cpu', matmul });
  await session.initialize(Int32Array.from(session.parameters().keys()), 0.2, 1);
  return session;
}

/** Losses and the last gradient of the first layer's intermediate weight after three steps. */
async function run(matmul: Matmul): Promise<{ losses: Float32Array; gradient: Float32Array; chosen: Matmul }> {
  const session = await open(matmul);
  const data = session.addDataset(tinyData());
  session.setPlan(tinyPlan(session, 1e-3));
  const { losses } = await session.train(tinySegment(data, 3), () => undefined);
  const parameter = session.parameters().findIndex(({ name }) => name.endsWith('layer.0.intermediate.dense.weight'));
  const gradient = await session.read({ buffer: 'gradients', parameter, replica: 0 });
  const chosen = session.matmul();
  session.closeSync();
  return { losses, gradient, chosen };
}

const mixed: Matmul = `onednn;mkl:forward/${layer.intermediate}x${layer.hidden},weight/${layer.hidden}x${layer.hidden}`;

test('what was chosen can be given again, and gives the same bits', async () => {
  const first = await run('auto');
  assert.notEqual(first.chosen, 'auto');
  const second = await run(first.chosen);
  assert.deepEqual(second, first);
});

test('libraries differ in the last bits at most, whatever shape goes where', async () => {
  const reference = await run('mkl');
  for (const matmul of ['onednn', 'onednn-linear', mixed] as const) {
    const { losses, gradient, chosen } = await run(matmul);
    assert.equal(chosen, matmul);
    for (const [i, loss] of losses.entries())
      assert.ok(Math.abs(loss - reference.losses[i]!) < 1e-6, `${matmul}: ${loss}`);
    const largest = reference.gradient.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
    assert.ok(largest > 0);
    for (const [i, g] of gradient.entries())
      assert.ok(Math.abs(g - reference.gradient[i]!) < 1e-5 * largest, `${matmul}, element ${i}`);
  }
});

test('a choice that cannot be read is refused', async () => {
  for (const matmul of [
    'lrdist',
    'onednn;mkl',
    'onednn;blis:forward/2x2',
    'onednn;mkl:sideways/2x2',
    'onednn;mkl:forward/2',
  ])
    await assert.rejects(open(matmul as Matmul), {
      code: 'ERR_INVALID_OPTION',
      message: /matmul: expected auto, mkl, onednn/,
    });
});
