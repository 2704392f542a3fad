/** A tiny model with random weights in every tensor, and short ways to put values into it and take them out. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type {
  NativeBuffer,
  NativePart,
  NativePlan,
  NativeSegment,
  NativeSegmentResult,
  NativeSession,
  NativeSessionSpec,
} from '../../../lib/native/boundary.ts';
import { loadNative } from '../../../lib/native/load.ts';
import { tinyModel } from '../../helpers/native.ts';
import { writeFloats } from './safetensors.ts';
import { testDevice, testMatmul } from '../../helpers/device.ts';

/** By parameter name. */
export type Values = Map<string, Float32Array>;

export const word = 'bert.embeddings.word_embeddings.weight';
export const isTable = (name: string) => /_embeddings\.weight$/.test(name);
export const isEncoder = (name: string) => name.startsWith('bert.encoder.layer.');
export const isBody = (name: string) => name.startsWith('bert.');

export const tinySpec: NativeSessionSpec = {
  model: tinyModel,
  heads: [
    { name: 'three', kind: 'classification', outputs: 3, pool: 'pooler', dropout: 0.1 },
    { name: 'score', kind: 'classification', outputs: 1, pool: 'cls', dropout: 0.1 },
    { name: 'words', kind: 'masked-lm', outputs: 0, pool: 'cls', dropout: 0 },
    { name: 'two', kind: 'classification', outputs: 2, pool: 'cls', dropout: 0 },
  ],
  replicas: 1,
  device: testDevice,
  precision: 'fp32',
  threads: 1,
  seed: 2 ** 40 + 77,
  matmul: testMatmul,
};
export const heads = { three: 0, score: 1, words: 2, two: 3 } as const;

/** Numbers in [0, 1), the same for the same seed. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Random numbers in [low, high) for every parameter. */
export function randomValues(session: NativeSession, seed: number, low = -0.3, high = 0.3): Values {
  const next = uniform(seed);
  return new Map(
    session
      .parameters()
      .map(({ name, shape }) => [
        name,
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => low + (high - low) * next()),
      ]),
  );
}

export interface Place {
  readonly buffer: 'weights' | 'exp_avg' | 'exp_avg_sq' | 'slot';
  readonly slot?: number;
  /** -1, the default, is all replicas. */
  readonly replica?: number;
}

/** Loads values through a file. */
export async function put(session: NativeSession, values: Values, place: Place = { buffer: 'weights' }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lrdist-tiny-'));
  try {
    const path = join(folder, 'values.safetensors');
    const names = session.parameters().map(({ name }) => name);
    const written = writeFloats(
      path,
      new Map([...values].map(([name, v]) => [name, { shape: [v.length], values: v }])),
    );
    await session.load(
      [...written].map(([name, { offset }]) => ({
        path,
        offset,
        dtype: 'F32',
        parameter: names.indexOf(name),
        ...place,
        replica: place.replica ?? -1,
      })),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A new slot with these values, the same for all replicas. */
export async function slotOf(session: NativeSession, values: Values): Promise<number> {
  const slot = await session.snapshot('weights');
  await put(session, values, { buffer: 'slot', slot });
  return slot;
}

/** Of the first replica unless said otherwise; gradients of the last, whose alone processors keep. */
export async function take(
  session: NativeSession,
  buffer: NativeBuffer,
  replica = buffer === 'gradients' ? session.replicas() - 1 : 0,
  slot?: number,
): Promise<Values> {
  const values: Values = new Map();
  for (const [parameter, { name }] of session.parameters().entries()) {
    const source = { buffer, parameter, replica, ...(slot === undefined ? {} : { slot }) };
    values.set(name, await session.read(source));
  }
  return values;
}

export interface Tiny {
  readonly session: NativeSession;
  /** 12 rows of 3 to 6 tokens, with labels that every head can use (0 and 1). Ids 0 to 24: half of the vocabulary is never seen. */
  readonly dataset: number;
}

/** A session with random weights, closed at the end of the test. */
export async function openTiny(t: TestContext, spec: Partial<NativeSessionSpec> = {}, weights?: Values): Promise<Tiny> {
  const session = new (loadNative().Session)({ ...tinySpec, ...spec });
  t.after(() => session.closeSync());
  await put(session, weights ?? randomValues(session, 1));
  const next = uniform(2);
  const lengths = Array.from({ length: rowCount }, (_, row) => 3 + (row % 4));
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  const tokens = offsets.at(-1)!;
  const dataset = session.addDataset({
    inputIds: Int32Array.from({ length: tokens }, () => Math.floor(25 * next())),
    typeIds: Uint8Array.from({ length: tokens }, () => Math.floor(2 * next())),
    offsets: Int32Array.from(offsets),
    labels: Float32Array.from({ length: rowCount }, (_, row) => row % 2),
  });
  return { session, dataset };
}
export const rowCount = 12;

/** One group at rate 1 and without decay for everything, unless `changes` says otherwise; Adam begins anew. */
export function planOf(session: NativeSession, changes: Partial<NativePlan> = {}): NativePlan {
  return {
    groupOf: new Int32Array(session.parameters().length),
    groups: 1,
    rates: new Float64Array(session.replicas()).fill(1),
    decay: new Float64Array(session.replicas()),
    optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    moments: 'fresh',
    ...changes,
  };
}

/** `anchored` for NativePlan: the body, or what `which` names. */
export function anchoredBody(session: NativeSession, which: (name: string) => boolean = isBody): Uint8Array {
  return Uint8Array.from(session.parameters().map(({ name }) => Number(which(name))));
}

/** Steps of one batch each. By default one step on rows 1, 4, 2 with head `three`, and no learning: factor 0. */
export interface Steps {
  readonly parts?: readonly Omit<NativePart, 'dataset'>[];
  /** For each step its batches; [part, weight, rows]. */
  readonly batches?: readonly (readonly (readonly [part: number, weight: number, rows: readonly number[]])[])[];
  readonly factor?: number;
  readonly clipNorm?: number;
  readonly stepOffset?: number;
  readonly stageOffset?: number;
  readonly dropout?: boolean;
}

export const oneBatch = [[[0, 1, [1, 4, 2]]]] as const;

/** Batches of three rows for `steps` steps, of which each meets other words. */
export function severalBatches(steps: number): NonNullable<Steps['batches']> {
  return Array.from({ length: steps }, (_, s) => [[0, 1, [(3 * s) % 12, (3 * s + 5) % 12, (3 * s + 7) % 12]]] as const);
}

export function segmentOf({ session, dataset }: Tiny, steps: Steps = {}): NativeSegment {
  const parts = steps.parts ?? [{ head: heads.three, loss: 'cross-entropy' }];
  const plan = steps.batches ?? oneBatch;
  const batches = plan.flatMap((step, at) => step.map(([part, weight, rows]) => ({ at, part, weight, rows })));
  const offsets = [0];
  for (const { rows } of batches) offsets.push(offsets.at(-1)! + rows.length);
  return {
    steps: plan.length,
    parts: parts.map((part) => ({ ...part, dataset })),
    batchPart: Int32Array.from(batches, ({ part }) => part),
    batchStep: Int32Array.from(batches, ({ at }) => at),
    rows: Int32Array.from(batches.flatMap(({ rows }) => rows)),
    rowOffsets: Int32Array.from(offsets),
    weights: Float64Array.from(batches, ({ weight }) => weight),
    factors: new Float64Array(session.replicas() * plan.length).fill(steps.factor ?? 0),
    factorsPerGroup: false,
    clipNorm: steps.clipNorm ?? 0,
    stepOffset: steps.stepOffset ?? 0,
    ...(steps.stageOffset === undefined ? {} : { stageOffset: steps.stageOffset }),
    dropout: steps.dropout ?? true,
    reportMs: 1000,
  };
}

export function train(tiny: Tiny, steps: Steps = {}): Promise<NativeSegmentResult> {
  return tiny.session.train(segmentOf(tiny, steps), () => {});
}

/** Loss, norm and gradients (of the last replica) of one step. */
export async function stepOf(tiny: Tiny, plan: Partial<NativePlan> = {}, steps: Steps = {}) {
  tiny.session.setPlan(planOf(tiny.session, plan));
  const { losses, gradNorms } = await train(tiny, steps);
  return { loss: losses.at(-1)!, norm: gradNorms.at(-1)!, gradients: await take(tiny.session, 'gradients') };
}
