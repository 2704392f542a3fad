import { Random } from '../random.ts';
import { agreement } from './agreement.ts';
import { mood } from './mood.ts';
import { paraphrase } from './paraphrase.ts';
import type { DemoTask, Row } from './task.ts';
import { topic } from './topic.ts';

export type { DemoTask, Row } from './task.ts';

export const demoTasks: readonly DemoTask[] = [topic, mood, agreement, paraphrase];

/** Rows with the same number of each label (to within one), in random order. No text occurs twice, not in `seen` either. */
export function drawRows(task: DemoTask, count: number, seed: number, seen = new Set<string>()): Row[] {
  const random = new Random(seed);
  const rows: Row[] = [];
  while (rows.length < count) {
    const row = task.draw(rows.length % task.labels.length, random);
    const key = row.texts.join('\t');
    if (seen.has(key)) continue;
    seen.add(key);
    rows.push(row);
  }
  return random.shuffle(rows);
}

/** A task by name. */
export function demoTask(name: string): DemoTask {
  const task = demoTasks.find((entry) => entry.name === name);
  if (task === undefined)
    throw new RangeError(`the demo has no task "${name}"; it has ${demoTasks.map((entry) => entry.name).join(', ')}`);
  return task;
}
