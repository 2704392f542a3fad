import { readFileSync } from 'node:fs';
import { type Figure, figuresOf } from './figures.ts';
import type { Result } from './results.ts';

export interface Change {
  readonly figure: string;
  readonly before: Figure;
  readonly after: Figure;
  /** after / before - 1. */
  readonly change: number;
  /** Whether the ranges meet: then the difference may be noise. */
  readonly overlap: boolean;
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** Figures of one of the two alone. */
  readonly onlyBefore: readonly string[];
  readonly onlyAfter: readonly string[];
  /** Differences of what was measured, with and on: the figures may not be comparable. */
  readonly notes: readonly string[];
}

export function compareResults(before: Result, after: Result): Comparison {
  const [a, b] = [figuresOf(before), figuresOf(after)];
  const changes = [...a].flatMap(([figure, one]): Change[] => {
    const other = b.get(figure);
    if (other === undefined) return [];
    const overlap = one.low <= other.high && other.low <= one.high;
    return [{ figure, before: one, after: other, change: other.middle / one.middle - 1, overlap }];
  });
  return {
    changes,
    onlyBefore: [...a.keys()].filter((figure) => !b.has(figure)),
    onlyAfter: [...b.keys()].filter((figure) => !a.has(figure)),
    notes: notes(before, after),
  };
}

function notes(before: Result, after: Result): string[] {
  const different = (what: string, a: unknown, b: unknown): string[] =>
    JSON.stringify(a) === JSON.stringify(b) ? [] : [`${what}: ${text(a)} before, ${text(b)} after`];
  const settings = (result: Result): Record<string, unknown> => (result['settings'] ?? {}) as Record<string, unknown>;
  const names = new Set([...Object.keys(settings(before)), ...Object.keys(settings(after))]);
  return [
    ...different('case', before.case, after.case),
    ...different('variant', before.variant, after.variant),
    ...different('machine', before.machine.name, after.machine.name),
    ...[...names].flatMap((name) => different(name, settings(before)[name], settings(after)[name])),
    ...different('commit', before.versions['commit'], after.versions['commit']),
    ...different('libtorch', before.versions['libtorch'], after.versions['libtorch']),
  ];
}

const text = (value: unknown): string =>
  value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);

/** A Markdown table of both files' figures, side by side. */
export function formatComparison({ changes, onlyBefore, onlyAfter, notes }: Comparison): string {
  const range = ({ middle, low, high }: Figure): string => `${short(middle)} (${short(low)} to ${short(high)})`;
  const rows = changes.map(
    ({ figure, before, after, change, overlap }) =>
      `| ${figure} | ${range(before)} | ${range(after)} | ${change < 0 ? '−' : '+'}${(100 * Math.abs(change)).toFixed(1)} % | ${overlap ? 'overlap' : 'apart'} |`,
  );
  return [
    ...notes,
    '| figure | before | after | change | spreads |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    ...(onlyBefore.length > 0 ? [`only before: ${onlyBefore.join(', ')}`] : []),
    ...(onlyAfter.length > 0 ? [`only after: ${onlyAfter.join(', ')}`] : []),
  ].join('\n');
}

function short(value: number): string {
  return Math.abs(value) >= 1000 ? value.toExponential(2) : value.toPrecision(3);
}

/** @throws Error for a file that is no result */
export function readResult(path: string): Result {
  const result = JSON.parse(readFileSync(path, 'utf8')) as Partial<Result>;
  if (result.case === undefined || result.machine === undefined || result.versions === undefined)
    throw new Error(`${path} is no result of a benchmark: it has no case, machine or versions`);
  return result as Result;
}
