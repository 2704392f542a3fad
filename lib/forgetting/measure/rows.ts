import { shuffledOrder } from '../../random.ts';
import { type EncodedSplit, rowsOf } from '../../train/task.ts';

/** Streams of the row choice, apart from those of epochs: these begin far above any epoch's number. */
const streams = { train: 0x6d65_6101, scored: 0x6d65_6102, text: 0x6d65_6103 } as const;

/** The same rows for the same seed: `count` of them, or all where there are fewer, in an order by chance. */
export function chooseRows(split: EncodedSplit, count: number, seed: number, stream: keyof typeof streams): Int32Array {
  return shuffledOrder(rowsOf(split), seed, streams[stream]).slice(0, count);
}

/** The rows that `chooseRows` leaves. */
export function otherRows(split: EncodedSplit, count: number, seed: number, stream: keyof typeof streams): Int32Array {
  return shuffledOrder(rowsOf(split), seed, streams[stream]).slice(count);
}
