import { demoTask, drawRows } from './tasks/index.ts';

/** A task in a few lines: what it asks, and a row of each of its first labels. */
export function describeTask(name: string): string {
  const task = demoTask(name);
  const rows = drawRows(task, task.labels.length, 0);
  const examples = task.labels.slice(0, 2).map((label, i) => {
    return `    ${label}: ${rows.find((row) => row.label === i)!.texts.join(' / ')}`;
  });
  return [`  ${task.name}: ${task.description}`, ...examples].join('\n');
}
