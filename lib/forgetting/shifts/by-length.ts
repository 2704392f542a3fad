import { LrdistError } from '../../errors.ts';
import { type EncodedSplit, rowsOf, splitOf, type Task } from '../../train/task.ts';
import { halves } from './halves.ts';

/** Tokens of each row. */
function lengths(split: EncodedSplit): Int32Array {
  return Int32Array.from({ length: rowsOf(split) }, (_, r) => split.offsets[r + 1]! - split.offsets[r]!);
}

/**
 * Data shift: the short rows as one task, the long rows as another, to be learned with the same head. The bound is the length that cuts the train rows
 * most nearly in half; all splits are cut at it, so the halves are by length in every one of them. (The published code cuts by row number instead.)
 *
 * @throws ERR_DATA_INVALID if all rows are equally long, or a half is empty or has one class only
 */
export function byLength(task: Task): [Task, Task] {
  const train = lengths(splitOf(task, 'train'));
  const bound = halvingBound(train);
  if (bound === undefined)
    throw new LrdistError(
      'ERR_DATA_INVALID',
      `all train rows of ${task.name} have ${train[0] ?? 0} tokens, so they cannot be cut by length`,
      {
        remedy: 'Take more rows, a larger --max_seq_length, or another task.',
      },
    );
  return halves(task, {
    names: ['short', 'long'],
    by: `length (up to ${bound} tokens, or more)`,
    halfOf: (split) => lengths(split).map((length) => Number(length > bound)),
  });
}

/** The largest length of the lower half: of all bounds the one that leaves as many rows above it as at or below it, as nearly as ties allow. */
export function halvingBound(values: ArrayLike<number>): number | undefined {
  const sorted = Array.from(values).sort((a, b) => a - b);
  const largest = sorted.at(-1);
  let best: number | undefined;
  let bestGap = Infinity;
  for (let i = 0; i < sorted.length; i++) {
    const value = sorted[i]!;
    if (value === largest || sorted[i + 1] === value) continue;
    const gap = Math.abs(2 * (i + 1) - sorted.length);
    if (gap < bestGap) [best, bestGap] = [value, gap];
  }
  return best;
}
