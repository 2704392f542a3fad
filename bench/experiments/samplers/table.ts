import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Parameters, Space } from '../../../lib/search/space.ts';
import { unitCube } from '../../../lib/search/unit-cube.ts';
import type { Problem } from './problems.ts';

interface RecordedTrial {
  readonly parameters: Parameters;
  readonly reports: readonly { readonly step: number; readonly values: readonly number[] }[];
  readonly values: readonly number[];
}

/** Neighbours that a value is taken from. */
const neighbours = 5;

/**
 * A function made of recorded trials. The file holds JSON lines: first `{ "space": Space, "direction": "maximize" | "minimize" }`, then for each complete trial
 * `{ "parameters": {...}, "reports": [{ "step", "values" }], "values": [...] }`. The value of a point is the mean over its five nearest trials in the unit cube, weighted by one over the squared
 * distance: a surrogate, exact at the recorded points. The first objective counts; the least is the best recorded value, which no mean can pass.
 */
export function tableProblem(file: string): Problem {
  const [head, ...rows] = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  const { space, direction } = head as { space: Space; direction: 'maximize' | 'minimize' };
  const sign = direction === 'maximize' ? -1 : 1;
  const cube = unitCube(space);
  const place = (parameters: Parameters) => cube.toPoint(parameters);
  const recorded = (rows as RecordedTrial[]).map(({ parameters, values }) => ({
    point: place(parameters),
    value: sign * values[0]!,
  }));
  return {
    name: basename(file).replace(/\.jsonl?$/, ''),
    space,
    least: Math.min(...recorded.map(({ value }) => value)),
    noise: 0,
    value: (parameters) => {
      const at = place(parameters);
      const nearest = recorded
        .map(({ point, value }) => ({ value, squared: squaredDistance(point, at) }))
        .sort((a, b) => a.squared - b.squared)
        .slice(0, neighbours);
      if (nearest[0]!.squared === 0) return nearest[0]!.value;
      const total = nearest.reduce((sum, { squared }) => sum + 1 / squared, 0);
      return nearest.reduce((sum, { value, squared }) => sum + value / squared / total, 0);
    },
  };
}

type Point = ReturnType<ReturnType<typeof unitCube>['toPoint']>;

function squaredDistance(a: Point, b: Point): number {
  const numeric = a.unit.reduce((sum, v, i) => sum + (v - b.unit[i]!) ** 2, 0);
  return numeric + a.choices.filter((choice, i) => choice !== b.choices[i]).length;
}
