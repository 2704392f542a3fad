import type { RaggedDataset } from './dataset.ts';

/** The rows with these numbers, in this order, as a dataset of their own. */
export function selectRows(data: RaggedDataset, rows: ArrayLike<number>): RaggedDataset {
  const offsets = new Int32Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++)
    offsets[i + 1] = offsets[i]! + data.offsets[rows[i]! + 1]! - data.offsets[rows[i]!]!;
  const inputIds = new Int32Array(offsets[rows.length]!);
  const typeIds = new Uint8Array(inputIds.length);
  const labels = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const [begin, end] = [data.offsets[row]!, data.offsets[row + 1]!];
    inputIds.set(data.inputIds.subarray(begin, end), offsets[i]);
    typeIds.set(data.typeIds.subarray(begin, end), offsets[i]);
    labels[i] = data.labels[row]!;
  }
  return { inputIds, typeIds, offsets, labels };
}
