import type {
  NativePlan,
  NativeRagged,
  NativeSegment,
  NativeSession,
  NativeSessionSpec,
} from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import { testDevice, testMatmul } from './device.ts';

export const tinyModel = {
  vocab: 50,
  maxPositions: 16,
  typeVocab: 2,
  hidden: 16,
  layers: 2,
  heads: 2,
  intermediate: 32,
  layerNormEps: 1e-12,
  hiddenDropout: 0.1,
  attentionDropout: 0.1,
  pooler: true,
} as const;

export const tinySpec = {
  model: tinyModel,
  heads: [
    { name: 'first', kind: 'classification', outputs: 2, pool: 'pooler', dropout: 0.1 },
    { name: 'score', kind: 'classification', outputs: 1, pool: 'cls', dropout: 0 },
    { name: 'words', kind: 'masked-lm', outputs: 0, pool: 'cls', dropout: 0 },
  ],
  replicas: 1,
  device: testDevice,
  precision: 'fp32',
  threads: 1,
  seed: 1,
  matmul: testMatmul,
} as const satisfies NativeSessionSpec;

/** Rows of 4 tokens. Labels are 0 and 1 in turn. */
export function tinyData(rows = 8): NativeRagged {
  return {
    inputIds: Int32Array.from({ length: rows * 4 }, (_, i) => 5 + ((i * 7) % 45)),
    typeIds: Uint8Array.from({ length: rows * 4 }, (_, i) => (i % 4 < 2 ? 0 : 1)),
    offsets: Int32Array.from({ length: rows + 1 }, (_, i) => i * 4),
    labels: Float32Array.from({ length: rows }, (_, i) => i % 2),
  };
}

/** One group with all parameters. The default rate is so small that training may go on for as long as a test likes. */
export function tinyPlan(session: NativeSession, rate = 1e-7): NativePlan {
  const replicas = session.replicas();
  return {
    groupOf: new Int32Array(session.parameters().length),
    rates: new Float64Array(replicas).fill(rate),
    decay: new Float64Array(replicas),
    groups: 1,
    optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    moments: 'fresh',
  };
}

/** One batch of two rows for each step, on head 0. */
export function tinySegment(dataset: number, steps: number, replicas = 1): NativeSegment {
  return {
    steps,
    parts: [{ head: 0, dataset, loss: 'cross-entropy' }],
    batchPart: new Int32Array(steps),
    batchStep: Int32Array.from({ length: steps }, (_, i) => i),
    rows: Int32Array.from({ length: 2 * steps }, (_, i) => i % 8),
    rowOffsets: Int32Array.from({ length: steps + 1 }, (_, i) => 2 * i),
    weights: new Float64Array(steps).fill(1),
    factors: new Float64Array(replicas * steps).fill(1),
    factorsPerGroup: false,
    clipNorm: 1,
    stepOffset: 0,
    dropout: true,
    reportMs: 0,
  };
}

/** Steps that take far longer than any test; for runs that something else ends. */
export const endless = 200_000;

/** A session that is ready to train on its dataset. */
export async function tinySession(
  spec: Partial<NativeSessionSpec> = {},
): Promise<{ session: NativeSession; dataset: number }> {
  const session = new (loadNative().Session)({ ...tinySpec, ...spec });
  await session.initialize(
    Int32Array.from(session.parameters(), (_, i) => i),
    0.02,
    1,
  );
  const dataset = session.addDataset(tinyData());
  session.setPlan(tinyPlan(session));
  return { session, dataset };
}

/** Starts training without an end. `running` resolves with the first event. */
export function trainEndlessly(session: NativeSession, dataset: number) {
  const { promise: running, resolve } = Promise.withResolvers<void>();
  const result = session.train(tinySegment(dataset, endless, session.replicas()), () => resolve());
  return { running, result };
}
