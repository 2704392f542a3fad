/** Rows of earlier tasks that are stored. */
import { shuffledOrder } from '../random.ts';
import { LrdistError } from '../errors.ts';
import { rowsOf, splitOf, type Task } from '../train/task.ts';
import type { Penalty } from './penalties.ts';

const stream = 0x7265_706c;

/** Train rows stored of a task, by chance, ascending: the same for all distributions. @throws ERR_INVALID_OPTION for a budget above the data */
export function replayRows({ numbers, name }: Pick<Penalty, 'numbers' | 'name'>, task: Task, seed: number): Int32Array {
  const budget = numbers['budget']!;
  const rows = rowsOf(splitOf(task, 'train'));
  const stored = budget < 1 ? Math.max(1, Math.round(budget * rows)) : budget;
  if (stored > rows)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `penalty: ${name} stores ${stored} rows of each task, but ${task.name} has ${rows}`,
      {
        remedy: `Store at most ${rows}, or use joint, which has them all.`,
      },
    );
  return shuffledOrder(rows, seed, stream).slice(0, stored).sort();
}
