/** Token ids of a split as one file: a header with a checksum, then the arrays. */
import { createHash } from 'node:crypto';
import type { NativeRagged } from '../native/boundary.ts';

const MAGIC = Buffer.from('LRDTOK\r\n');
/** Magic, then as u32: version, rows, tokens, positions, rows left out; at 32 the SHA-256 of the header before it and of what follows. */
const HEADER = 64;
const SUM = 32;

export interface EncodedRows {
  readonly data: NativeRagged;
  /** Positions of the rows in their files; empty where they are not kept. */
  readonly ids: Int32Array;
  /** Broken rows that were left out. */
  readonly skipped: number;
}

export function encodeRagged(version: number, { data, ids, skipped }: EncodedRows): Buffer {
  const { inputIds, typeIds, offsets, labels } = data;
  const body = [offsets, labels, ids, inputIds, typeIds].map((part) =>
    Buffer.from(part.buffer, part.byteOffset, part.byteLength),
  );
  const header = Buffer.alloc(HEADER);
  MAGIC.copy(header);
  const numbers = [version, labels.length, inputIds.length, ids.length, skipped];
  for (const [i, value] of numbers.entries()) header.writeUInt32LE(value, 8 + 4 * i);
  const hash = createHash('sha256').update(header.subarray(0, SUM));
  for (const part of body) hash.update(part);
  hash.digest().copy(header, SUM);
  return Buffer.concat([header, ...body]);
}

/** Undefined unless the file is whole and of this version. Arrays are little-endian, as on every platform libtorch runs on. */
export function decodeRagged(version: number, bytes: Buffer): EncodedRows | undefined {
  if (bytes.length < HEADER || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  const [found, rows, tokens, positions, skipped] = [0, 1, 2, 3, 4].map((i) => bytes.readUInt32LE(8 + 4 * i)) as [
    ...[number, number, number, number, number],
  ];
  if (found !== version || bytes.length !== HEADER + 4 * (2 * rows + 1 + positions) + 5 * tokens) return undefined;
  const sum = createHash('sha256').update(bytes.subarray(0, SUM)).update(bytes.subarray(HEADER)).digest();
  if (!sum.equals(bytes.subarray(SUM, HEADER))) return undefined;
  const body = aligned(bytes.subarray(HEADER));
  let at = body.byteOffset;
  const next = (count: number): number => {
    const begin = at;
    at += 4 * count;
    return begin;
  };
  const data = {
    offsets: new Int32Array(body.buffer, next(rows + 1), rows + 1),
    labels: new Float32Array(body.buffer, next(rows), rows),
  };
  const ids = new Int32Array(body.buffer, next(positions), positions);
  const inputIds = new Int32Array(body.buffer, next(tokens), tokens);
  return { data: { ...data, inputIds, typeIds: new Uint8Array(body.buffer, at, tokens) }, ids, skipped };
}

/** 4-byte arrays cannot begin at every address, and a Buffer may. */
function aligned(bytes: Buffer): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset % 4 === 0 ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}
