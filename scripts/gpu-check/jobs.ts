/** The training that the parity check runs on both devices: a random model, random rows, a few steps. */
import type {
  NativeModelSpec,
  NativePlan,
  NativeRagged,
  NativeSegment,
  NativeSegmentResult,
  NativeSession,
  NativeSessionSpec,
  Precision,
} from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import { createRandom } from '../../lib/random.ts';
import { makeHeader, readHeader } from '../../lib/train/safetensors.ts';

export interface Shape {
  readonly name: string;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly longest: number;
  readonly batch: number;
}

export const shapes: readonly Shape[] = [
  { name: 'small', hidden: 48, layers: 2, heads: 3, longest: 24, batch: 6 },
  { name: 'minilm', hidden: 384, layers: 6, heads: 12, longest: 96, batch: 32 },
];

export const steps = 4;
const rowsInData = 64;

export function modelOf({ hidden, layers, heads }: Shape): NativeModelSpec {
  return {
    vocab: 1000,
    maxPositions: 128,
    typeVocab: 2,
    hidden,
    layers,
    heads,
    intermediate: 4 * hidden,
    layerNormEps: 1e-12,
    hiddenDropout: 0.1,
    attentionDropout: 0.1,
    pooler: true,
  };
}

export interface Opened {
  readonly session: NativeSession;
  readonly dataset: number;
}

/** A session with the weights of the file. */
export async function openOn(
  device: string,
  shape: Shape,
  precision: Precision,
  replicas: number,
  weights: string,
): Promise<Opened> {
  const session = newSession(device, shape, precision, replicas);
  const { tensors } = await readHeader(weights);
  await session.load(
    session.parameters().map(({ name }, parameter) => ({
      path: weights,
      offset: tensors.get(name)!.offset,
      dtype: 'F32' as const,
      buffer: 'weights' as const,
      parameter,
      replica: -1,
    })),
  );
  return { session, dataset: session.addDataset(rowsOf(shape)) };
}

/** Random weights to a file. Standard deviation 0.05: LayerNorms and attention have something to do. */
export async function writeWeights(path: string, shape: Shape): Promise<void> {
  const session = newSession('cpu', shape, 'fp32', 1);
  try {
    const parameters = session.parameters();
    await session.initialize(Int32Array.from(parameters.keys()), 0.05, 7);
    const tensors = parameters.map(({ name, shape: size }) => ({ name, shape: size, dtype: 'F32' as const }));
    const sources = parameters.map((_, parameter) => ({ buffer: 'weights' as const, parameter, replica: 0 }));
    await session.write(path, makeHeader(tensors, { format: 'pt' }), sources);
  } finally {
    session.closeSync();
  }
}

function newSession(device: string, shape: Shape, precision: Precision, replicas: number): NativeSession {
  const spec: NativeSessionSpec = {
    model: modelOf(shape),
    heads: [{ name: 'three', kind: 'classification', outputs: 3, pool: 'pooler', dropout: 0.1 }],
    replicas,
    device,
    precision,
    threads: loadNative().info().threads,
    seed: 11,
    matmul: 'auto',
  };
  return new (loadNative().Session)(spec);
}

function rowsOf({ longest }: Shape): NativeRagged {
  const random = createRandom(3);
  const lengths = Array.from({ length: rowsInData }, () => 4 + random.int(longest - 3));
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  const tokens = offsets.at(-1)!;
  return {
    inputIds: Int32Array.from({ length: tokens }, () => random.int(1000)),
    typeIds: Uint8Array.from({ length: tokens }, () => random.int(2)),
    offsets: Int32Array.from(offsets),
    labels: Float32Array.from({ length: rowsInData }, () => random.int(3)),
  };
}

/** Of each replica's body; its head learns ten times as fast. */
export function ratesOf(replicas: number): readonly number[] {
  return Array.from({ length: replicas }, (_, k) => 1e-4 * (k + 1));
}

/** Trains `steps` steps, or only the first. */
export async function run(
  { session, dataset }: Opened,
  shape: Shape,
  rates: readonly number[],
  count = steps,
): Promise<NativeSegmentResult> {
  const plan: NativePlan = {
    groupOf: Int32Array.from(session.parameters(), ({ name }) => (name.startsWith('bert.') ? 0 : 1)),
    groups: 2,
    rates: Float64Array.from(rates.flatMap((rate) => [rate, 10 * rate])),
    decay: new Float64Array(2 * rates.length).fill(0.01),
    optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    moments: 'fresh',
  };
  session.setPlan(plan);
  const segment: NativeSegment = {
    steps: count,
    parts: [{ head: 0, dataset, loss: 'cross-entropy' }],
    batchPart: new Int32Array(count),
    batchStep: Int32Array.from({ length: count }, (_, i) => i),
    rows: Int32Array.from({ length: count * shape.batch }, (_, i) => (5 * i) % rowsInData),
    rowOffsets: Int32Array.from({ length: count + 1 }, (_, i) => i * shape.batch),
    weights: new Float64Array(count).fill(1),
    factors: new Float64Array(count * rates.length).fill(1),
    factorsPerGroup: false,
    clipNorm: 1,
    stepOffset: 0,
    dropout: true,
    reportMs: 1000,
  };
  return session.train(segment, () => undefined);
}

/** By parameter name. */
export async function tensorsOf(
  { session }: Opened,
  buffer: 'weights' | 'gradients',
  replica = 0,
): Promise<ReadonlyMap<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [parameter, { name }] of session.parameters().entries())
    values.set(name, await session.read({ buffer, parameter, replica }));
  return values;
}

export async function logitsOf({ session, dataset }: Opened): Promise<Float32Array> {
  return session.evaluate({ head: 0, dataset, want: 'logits', batchTokens: 512 });
}
