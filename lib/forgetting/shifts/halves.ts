/** Two tasks from one, row by row. */
import { selectRows } from '../../data/select.ts';
import { LrdistError } from '../../errors.ts';
import { type EncodedSplit, rowsOf, type Task } from '../../train/task.ts';

export interface HalvesOptions {
  /** Names of the halves, added to the task's. */
  readonly names: readonly [string, string];
  /** What the halves are cut by, for messages. */
  readonly by: string;
  /** Which half (0 or 1) each row of a split is in. */
  readonly halfOf: (split: EncodedSplit, name: string) => ArrayLike<number>;
}

/**
 * Every labelled split is cut. For accuracy, chance is a half's commonest class.
 *
 * @throws ERR_DATA_INVALID if a half is empty, or has one class only
 */
export function halves(task: Task, { names, by, halfOf }: HalvesOptions): [Task, Task] {
  const splits: [Record<string, EncodedSplit>, Record<string, EncodedSplit>] = [{}, {}];
  for (const [name, split] of Object.entries(task.splits)) {
    if (split.labels.includes(NaN)) continue;
    const half = halfOf(split, name);
    for (const side of [0, 1] as const) {
      const rows = Array.from({ length: rowsOf(split) }, (_, r) => r).filter((r) => half[r] === side);
      requireVaried(task, rows, split, `${names[side]} half of ${task.name}'s ${name} rows by ${by}`);
      splits[side][name] = selectRows(split, rows);
    }
  }
  const make = (side: 0 | 1): Task => ({
    ...task,
    name: `${task.name}-${names[side]}`,
    splits: splits[side],
    ...(task.mainMetric === 'accuracy' ? { chance: commonest(splits[side]) } : {}),
  });
  return [make(0), make(1)];
}

function requireVaried(task: Task, rows: readonly number[], split: EncodedSplit, what: string): void {
  const labels = new Set(rows.map((row) => split.labels[row]));
  if (labels.size > 1 || (task.labels === null && rows.length > 1)) return;
  throw new LrdistError(
    'ERR_DATA_INVALID',
    `the ${what} ${rows.length === 0 ? 'is empty' : `has one class only (${task.labels?.[rows.length === 0 ? 0 : [...labels][0]!] ?? 'one row'})`}`,
    { remedy: 'Take more rows (--max_train_samples, --max_eval_samples), another seed, or another task.' },
  );
}

/** Share of the commonest class of the first evaluation split, else of train. */
function commonest(splits: Readonly<Record<string, EncodedSplit>>): number {
  const name = Object.keys(splits).find((each) => each.startsWith('validation')) ?? 'train';
  const { labels } = splits[name]!;
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Math.max(...counts.values()) / labels.length;
}
