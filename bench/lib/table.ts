import { type Figure, figuresOf } from './figures.ts';
import type { Goal } from './goals.ts';
import type { Result } from './results.ts';

export interface StoredResult {
  readonly file: string;
  readonly result: Result;
}

/** `step-minilm-mrpc-b32-fp32`: the case and which of its measurements. */
export function nameOf({ case: name, variant }: Pick<Result, 'case' | 'variant'>): string {
  return variant === undefined ? name : `${name}-${variant}`;
}

/** The newest result of each name and machine. */
export function newest(results: readonly StoredResult[]): StoredResult[] {
  const kept = new Map<string, StoredResult>();
  for (const stored of results) {
    const key = `${nameOf(stored.result)} ${stored.result.machine.name}`;
    const other = kept.get(key);
    if (other === undefined || other.result.date <= stored.result.date) kept.set(key, stored);
  }
  return [...kept.values()];
}

/** A line for each goal and machine: what is to be reached, what was measured. Goals without a result have a line that says so. */
export function goalTable(goals: readonly Goal[], results: readonly StoredResult[], link: string): string {
  const current = newest(results);
  const lines = goals.flatMap((goal) => {
    const found = measurementsOf(goal, current);
    const wanted = `${goal.sense === 'at least' ? '≥' : '≤'} ${value(goal.goal, goal.unit)}`;
    const start = `| ${goal.work} | ${goal.measure} | ${wanted}`;
    if (found.length === 0) return goal.onlyMeasured === true ? [] : [`${start} | not measured | | |`];
    return found.map(({ figure, stored }) => {
      const { file, result } = stored;
      const range = `**${value(figure.middle, goal.unit)}** (${value(figure.low, goal.unit)} to ${value(figure.high, goal.unit)})`;
      return `${start} | ${range} | ${reached(goal, figure) ? 'yes' : 'no'} | [${result.machine.name}](${link}${file}), ${result.date} |`;
    });
  });
  return [
    '| work | measured as | goal | result | reached | machine |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

/** The goal's figure on each machine, the best of its files. */
function measurementsOf(goal: Goal, results: readonly StoredResult[]): { figure: Figure; stored: StoredResult }[] {
  const best = new Map<string, { figure: Figure; stored: StoredResult }>();
  for (const stored of results) {
    const figure = goal.files.includes(nameOf(stored.result)) ? figuresOf(stored.result).get(goal.figure) : undefined;
    if (figure === undefined) continue;
    const { name } = stored.result.machine;
    const other = best.get(name);
    const better = other === undefined || (goal.sense === 'at least') === figure.middle > other.figure.middle;
    if (better) best.set(name, { figure, stored });
  }
  return [...best.values()];
}

function reached({ goal, sense }: Goal, { middle }: Figure): boolean {
  return sense === 'at least' ? middle >= goal : middle <= goal;
}

function value(number: number, unit: Goal['unit']): string {
  switch (unit) {
    case 'x':
      return `${number.toFixed(2)} ×`;
    case '%':
      return `${(100 * number).toFixed(0)} %`;
    case 'ms':
      return `${number.toFixed(1)} ms`;
    case 's':
      return `${number.toFixed(0)} s`;
    case '':
      return String(number);
  }
}

/** The text with what lies between its two marker lines replaced. @throws Error without the markers */
export function between(text: string, begin: string, end: string, replacement: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the markers ${begin} and ${end} are not there`);
  return `${text.slice(0, from + begin.length)}\n${replacement}\n${text.slice(to)}`;
}
