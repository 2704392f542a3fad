import type { NativeInfo, NativeModule, NativeSession } from './boundary.ts';
import { loadNative } from './load.ts';

/** What the child tells its parent. */
export type SmokeMessage =
  | { readonly ok: true; readonly info: NativeInfo; readonly loss: number }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly remedy?: string };

/** Makes a tiny model, trains one step of it and evaluates it. Returns the loss. Throws an Error if a number is not finite. */
export async function smokeTest(native: NativeModule): Promise<number> {
  const session = new native.Session({
    model: {
      vocab: 32,
      maxPositions: 16,
      typeVocab: 2,
      hidden: 16,
      layers: 1,
      heads: 2,
      intermediate: 32,
      layerNormEps: 1e-12,
      hiddenDropout: 0.1,
      attentionDropout: 0.1,
      pooler: true,
    },
    heads: [{ name: 'smoke', kind: 'classification', outputs: 2, pool: 'pooler', dropout: 0.1 }],
    replicas: 1,
    device: 'cpu',
    precision: 'fp32',
    threads: 1,
    seed: 1,
    matmul: 'mkl',
  });
  try {
    return await trainStep(session);
  } finally {
    session.closeSync();
  }
}

async function trainStep(session: NativeSession): Promise<number> {
  const parameters = session.parameters().length;
  await session.initialize(
    Int32Array.from({ length: parameters }, (_, i) => i),
    0.02,
    1,
  );
  const dataset = session.addDataset({
    inputIds: Int32Array.of(1, 5, 6, 2, 1, 7, 8, 9, 2),
    typeIds: new Uint8Array(9),
    offsets: Int32Array.of(0, 4, 9),
    labels: Float32Array.of(0, 1),
  });
  session.setPlan({
    groupOf: new Int32Array(parameters),
    rates: Float64Array.of(1e-3),
    decay: Float64Array.of(0),
    groups: 1,
    optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    moments: 'fresh',
  });
  const result = await session.train(
    {
      steps: 1,
      parts: [{ head: 0, dataset, loss: 'cross-entropy' }],
      batchPart: Int32Array.of(0),
      batchStep: Int32Array.of(0),
      rows: Int32Array.of(0, 1),
      rowOffsets: Int32Array.of(0, 2),
      weights: Float64Array.of(1),
      factors: Float64Array.of(1),
      factorsPerGroup: false,
      clipNorm: 1,
      stepOffset: 0,
      dropout: true,
      reportMs: 1000,
    },
    () => undefined,
  );
  const logits = await session.evaluate({ head: 0, dataset, want: 'logits', batchTokens: 64 });
  const loss = result.losses[0];
  if (loss === undefined || !Number.isFinite(loss) || logits.length !== 4 || !logits.every(Number.isFinite)) {
    throw new Error(`the tiny model gave a loss of ${loss} and logits ${Array.from(logits).join(', ')}`);
  }
  return loss;
}

/** The forked child's program. */
async function child(send: (message: SmokeMessage) => void): Promise<void> {
  try {
    const native = loadNative();
    const info = native.info();
    send({ ok: true, info, loss: await smokeTest(native) });
  } catch (error) {
    const { code, message, remedy } = error as { code?: string; message: string; remedy?: string };
    send({ ok: false, code: code ?? 'ERR_NATIVE', message, ...(remedy === undefined ? {} : { remedy }) });
  }
}

if (process.argv[2] === '--smoke-child' && process.send !== undefined) {
  await child((message) => process.send!(message));
  process.disconnect();
}
