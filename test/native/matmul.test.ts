import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Matmul, NativeSession, NativeSessionSpec } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import { tinyData, tinyModel, tinyPlan, tinySegment, tinySpec } from '../helpers/native.ts';

const layer = tinyModel;

async function open(matmul: Matmul, spec: Partial<NativeSessionSpec> = {}): Promise<NativeSession> {
  const session = new (loadNative().Session)({ ...tinySpec, device: 'cpu', matmul, ...spec });
  await session.initialize(Int32Array.from(session.parameters().keys()), 0.2, 1);
  return session;
}

interface Run {
  readonly losses: Float32Array;
  readonly gradient: Float32Array;
  readonly chosen: Matmul;
}

/** Losses and the last gradient of the first layer's intermediate weight after three steps. */
async function run(matmul: Matmul, spec: Partial<NativeSessionSpec> = {}): Promise<Run> {
  const session = await open(matmul, spec);
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
    assertNear({ losses, gradient, chosen }, reference);
  }
});

function assertNear({ losses, gradient, chosen }: Run, reference: Run): void {
  for (const [i, loss] of losses.entries())
    assert.ok(Math.abs(loss - reference.losses[i]!) < 1e-6, `${chosen}: ${loss}`);
  const largest = reference.gradient.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
  assert.ok(largest > 0);
  for (const [i, g] of gradient.entries())
    assert.ok(Math.abs(g - reference.gradient[i]!) < 1e-5 * largest, `${chosen}, element ${i}`);
}

test('small weights whose sides are multiples of 32 go to our own kernels where those are fast', async (t) => {
  const model = { ...layer, hidden: 64, heads: 2, intermediate: 96 };
  const reference = await run('mkl', { model });
  const own = await run('auto', { model });
  if (!own.chosen.includes('lrdist:')) return t.skip('not compiled for such a processor');
  assertNear(own, reference);
  for (const threads of [2, 3]) assert.deepEqual(await run(own.chosen, { model, threads }), own);
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
