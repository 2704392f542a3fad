import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeHead, NativeModelSpec, NativePart } from '../../../lib/native/boundary.ts';
import { type FloatTensor, readFloats } from './safetensors.ts';

const folder = join(import.meta.dirname, '..', 'fixtures');

export interface FixtureBatch {
  readonly rows: readonly number[];
  readonly weight: number;
  readonly part: number;
}

export interface FixturePart {
  readonly head: number;
  readonly loss: NativePart['loss'];
  readonly labelSmoothing?: number;
  readonly masking?: { readonly probability: number; readonly maskId: number; readonly special: readonly number[] };
}

export interface GradientCase {
  readonly name: string;
  readonly parts: readonly FixturePart[];
  readonly batches: readonly FixtureBatch[];
  readonly dropout: boolean;
  readonly stepOffset: number;
  readonly loss: number;
}

export interface TrainingCase {
  readonly name: string;
  readonly optimizer: 'adam' | 'adamw';
  readonly parts: readonly FixturePart[];
  readonly groups: readonly { readonly match: readonly string[]; readonly rate: number; readonly decay: number }[];
  readonly steps: readonly (readonly FixtureBatch[])[];
  readonly factors: readonly number[];
  readonly clipNorm: number;
  readonly dropout: boolean;
  readonly stepOffset: number;
  readonly losses: readonly number[];
  readonly gradNorms: readonly number[];
}

export interface Fixture {
  readonly name: string;
  readonly model: NativeModelSpec;
  readonly heads: readonly NativeHead[];
  readonly seed: number;
  readonly rows: readonly {
    readonly ids: readonly number[];
    readonly types: readonly number[];
    readonly label: number;
  }[];
  readonly gradients: readonly GradientCase[];
  readonly training: readonly TrainingCase[];
  readonly fisher?: FixturePart;
  /** Evaluated masked-LM losses are under `masked`. */
  readonly masked?: FixturePart;
  readonly weightsPath: string;
  readonly weights: ReadonlyMap<string, FloatTensor>;
  readonly expected: ReadonlyMap<string, FloatTensor>;
}

/** As test/parity/make_fixtures.py wrote it. */
export function readFixture(name: string): Fixture {
  const path = join(folder, name);
  const weightsPath = `${path}.weights.safetensors`;
  const json = JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Omit<
    Fixture,
    'weightsPath' | 'weights' | 'expected'
  >;
  return {
    ...json,
    weightsPath,
    weights: readFloats(weightsPath),
    expected: readFloats(`${path}.expected.safetensors`),
  };
}

export function fixtureNames(): string[] {
  const suffix = '.weights.safetensors';
  return readdirSync(folder)
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .sort();
}

/** The tensors of `expected` under a prefix, by parameter name. */
export function expectedUnder(fixture: Fixture, prefix: string): Map<string, Float32Array> {
  const found = new Map<string, Float32Array>();
  for (const [name, tensor] of fixture.expected)
    if (name.startsWith(`${prefix}.`)) found.set(name.slice(prefix.length + 1), tensor.values);
  return found;
}
