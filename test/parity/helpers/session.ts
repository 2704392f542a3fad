import type {
  NativeFileTensor,
  NativeHead,
  NativeModelSpec,
  NativeParameter,
  NativePart,
  NativePlan,
  NativeSegment,
  NativeSegmentResult,
  NativeSession,
} from '../../../lib/native/boundary.ts';
import { loadNative } from '../../../lib/native/load.ts';
import type { Fixture, FixtureBatch, FixturePart } from './fixture.ts';
import type { FloatTensor } from './safetensors.ts';
import { testDevice } from '../../helpers/device.ts';

export interface SessionOptions {
  readonly model?: Partial<NativeModelSpec>;
  readonly heads?: readonly NativeHead[];
  readonly replicas?: number;
  readonly threads?: number;
  readonly seed?: number;
}

/** A session with the fixture's model, heads and weights. The caller closes it. */
export async function openSession(fixture: Fixture, options: SessionOptions = {}): Promise<NativeSession> {
  const { Session } = loadNative();
  const session = new Session({
    model: { ...fixture.model, ...options.model },
    heads: options.heads ?? fixture.heads,
    replicas: options.replicas ?? 1,
    device: testDevice,
    precision: 'fp32',
    threads: options.threads ?? 1,
    seed: options.seed ?? fixture.seed,
    matmul: 'auto',
  });
  try {
    await loadWeights(session, fixture.weightsPath, fixture.weights);
  } catch (error) {
    session.closeSync();
    throw error;
  }
  return session;
}

/** Loads every parameter of the session from one file. */
export async function loadWeights(
  session: NativeSession,
  path: string,
  tensors: ReadonlyMap<string, FloatTensor>,
  replica = -1,
): Promise<void> {
  const entries: NativeFileTensor[] = session.parameters().map(({ name }, parameter) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`${path} has no ${name}; it has ${[...tensors.keys()].join(', ')}`);
    return { path, offset: tensor.offset, dtype: 'F32', buffer: 'weights', parameter, replica };
  });
  await session.load(entries);
}

/** The fixture's rows as a dataset of the session, in the given order. */
export function addRows(
  session: NativeSession,
  fixture: Fixture,
  order: readonly number[] = fixture.rows.map((_, row) => row),
): number {
  const rows = order.map((row) => fixture.rows[row]!);
  const offsets = new Int32Array(rows.length + 1);
  for (const [i, { ids }] of rows.entries()) offsets[i + 1] = offsets[i]! + ids.length;
  return session.addDataset({
    inputIds: Int32Array.from(rows.flatMap(({ ids }) => ids)),
    typeIds: Uint8Array.from(rows.flatMap(({ types }) => types)),
    offsets,
    labels: Float32Array.from(rows.map(({ label }) => label)),
  });
}

export interface StepSettings {
  readonly parts: readonly FixturePart[];
  readonly steps: readonly (readonly FixtureBatch[])[];
  readonly dropout?: boolean;
  readonly stepOffset?: number;
  readonly clipNorm?: number;
  /** [K x steps] */
  readonly factors: readonly number[];
}

export function runSteps(
  session: NativeSession,
  dataset: number,
  settings: StepSettings,
): Promise<NativeSegmentResult> {
  const batches = settings.steps.flatMap((step, i) => step.map((batch) => ({ ...batch, step: i })));
  const rowOffsets = new Int32Array(batches.length + 1);
  for (const [i, { rows }] of batches.entries()) rowOffsets[i + 1] = rowOffsets[i]! + rows.length;
  const segment: NativeSegment = {
    steps: settings.steps.length,
    parts: settings.parts.map((part) => nativePart(part, dataset)),
    batchPart: Int32Array.from(batches.map(({ part }) => part)),
    batchStep: Int32Array.from(batches.map(({ step }) => step)),
    rows: Int32Array.from(batches.flatMap(({ rows }) => rows)),
    rowOffsets,
    weights: Float64Array.from(batches.map(({ weight }) => weight)),
    factors: Float64Array.from(settings.factors),
    factorsPerGroup: false,
    clipNorm: settings.clipNorm ?? 0,
    stepOffset: settings.stepOffset ?? 0,
    dropout: settings.dropout ?? false,
    reportMs: 1000,
  };
  return session.train(segment, () => {});
}

export function nativePart({ head, loss, labelSmoothing, masking }: FixturePart, dataset: number): NativePart {
  return {
    head,
    dataset,
    loss,
    ...(labelSmoothing === undefined ? {} : { labelSmoothing }),
    ...(masking === undefined ? {} : { masking: { ...masking, special: Int32Array.from(masking.special) } }),
  };
}

/** One group for everything at rate 1, or frozen where `frozen` says so. */
export function wholePlan(session: NativeSession, frozen: (name: string) => boolean = () => false): NativePlan {
  return {
    groupOf: Int32Array.from(session.parameters().map(({ name }) => (frozen(name) ? -1 : 0))),
    groups: 1,
    rates: new Float64Array(session.replicas()).fill(1),
    decay: new Float64Array(session.replicas()),
    optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    moments: 'fresh',
  };
}

export interface StepResult {
  readonly loss: number;
  readonly gradients: Map<string, Float32Array>;
}

/** Loss and gradients of one optimizer step. The factor 0 leaves the weights as they are. */
export async function lossAndGradients(
  session: NativeSession,
  dataset: number,
  settings: Omit<StepSettings, 'steps' | 'factors'> & { readonly batches: readonly FixtureBatch[] },
  frozen?: (name: string) => boolean,
): Promise<StepResult> {
  session.setPlan(wholePlan(session, frozen));
  const result = await runSteps(session, dataset, {
    ...settings,
    steps: [settings.batches],
    factors: Array.from({ length: session.replicas() }, () => 0),
  });
  return { loss: result.losses[0]!, gradients: await readAll(session, 'gradients') };
}

export async function readAll(
  session: NativeSession,
  buffer: 'weights' | 'gradients' | 'slot',
  slot?: number,
): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [parameter, { name }] of session.parameters().entries()) {
    values.set(name, await session.read({ buffer, parameter, replica: 0, ...(slot === undefined ? {} : { slot }) }));
  }
  return values;
}

export function shapes(parameters: readonly NativeParameter[]): Map<string, readonly number[]> {
  return new Map(parameters.map(({ name, shape }) => [name, shape]));
}
