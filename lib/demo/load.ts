/** The demo's tasks with token ids, ready to train on. */
import { encodeRows } from '../data/dataset.ts';
import { openTokenizer } from '../data/tokenizer.ts';
import { computeMetrics } from '../metrics/glue.ts';
import type { Operation } from '../train/model.ts';
import type { EncodedSplit, Task } from '../train/task.ts';
import type { DemoSettings } from './settings.ts';
import { demoTask, drawRows } from './tasks/index.ts';

const seeds = { train: 2, select: 3, validation: 4 } as const;

/** Splits `train`, `select` (for choices) and `validation` (for reports). No text is in two of them. */
export async function loadDemoTask(
  name: string,
  folder: string,
  rows: DemoSettings['rows'],
  { signal }: Operation = {},
): Promise<Task> {
  const task = demoTask(name);
  const tokenizer = await openTokenizer(folder);
  const seen = new Set<string>();
  const splits: Record<string, EncodedSplit> = {};
  for (const split of ['train', 'select', 'validation'] as const) {
    const drawn = drawRows(task, rows[split], seeds[split], seen);
    const encoded = drawn.map(({ texts: [a, b], label }, id) => ({ a, ...(b === undefined ? {} : { b }), label, id }));
    splits[split] = await encodeRows(encoded, tokenizer, { cache: false, ...(signal === undefined ? {} : { signal }) });
  }
  return {
    name,
    labels: task.labels,
    splits,
    score: (predictions, labels) => computeMetrics(['accuracy'], predictions, labels),
    mainMetric: 'accuracy',
    chance: 1 / task.labels.length,
    dataset: { name: 'lrdist-demo', config: name },
  };
}
