import { createHash } from 'node:crypto';
import type { RaggedDataset } from '../../lib/data/dataset.ts';

/** The digest of make_tokenizer_fixtures.py: ids, row lengths and segment-0 counts as little-endian int32. */
export function digestTokens(parts: readonly RaggedDataset[]): string {
  const sha = createHash('sha256');
  for (const { inputIds } of parts) sha.update(bytes(inputIds));
  for (const { offsets } of parts) sha.update(bytes(offsets.subarray(1).map((end, r) => end - offsets[r]!)));
  for (const part of parts) sha.update(bytes(firstSegments(part)));
  return sha.digest('hex');
}

/** Tokens of segment 0 in each row. */
export function firstSegments({ typeIds, offsets }: RaggedDataset): Int32Array {
  return offsets.subarray(1).map((end, r) => typeIds.subarray(offsets[r], end).filter((type) => type === 0).length);
}

function bytes(values: Int32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
