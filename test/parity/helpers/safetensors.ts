import { readFileSync, writeFileSync } from 'node:fs';

export interface FloatTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** Absolute byte offset in the file. */
  readonly offset: number;
}

interface Entry {
  readonly dtype: string;
  readonly shape: number[];
  readonly data_offsets: [number, number];
}

/** All tensors of a small float32 safetensors file. Deliberately not the library's reader: these tests judge it too. */
export function readFloats(path: string): Map<string, FloatTensor> {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<string, Entry>;
  const tensors = new Map<string, FloatTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    if (entry.dtype !== 'F32') throw new Error(`${path}: ${name} is ${entry.dtype}`);
    const [begin, end] = entry.data_offsets;
    const offset = 8 + length + begin;
    tensors.set(name, {
      shape: entry.shape,
      values: new Float32Array(file.buffer.slice(file.byteOffset + offset, file.byteOffset + offset + end - begin)),
      offset,
    });
  }
  return tensors;
}

/** Writes float32 tensors and returns them with their offsets. */
export function writeFloats(
  path: string,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>,
): Map<string, FloatTensor> {
  const header: Record<string, Entry> = {};
  let position = 0;
  for (const [name, { shape, values }] of tensors) {
    header[name] = { dtype: 'F32', shape: [...shape], data_offsets: [position, position + values.byteLength] };
    position += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const parts = [...tensors.values()].map(({ values }) =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  );
  writeFileSync(path, Buffer.concat([length, text, ...parts]));
  return new Map(
    [...tensors].map(([name, { shape, values }]) => [
      name,
      { shape, values, offset: 8 + text.length + header[name]!.data_offsets[0] },
    ]),
  );
}
