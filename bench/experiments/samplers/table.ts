import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Parameter, Parameters, Space } from '../../../lib/search/space.ts';
import { type CubePoint, unitCube } from '../../../lib/search/unit-cube.ts';
import type { Problem } from './problems.ts';

interface RecordedTrial {
  readonly pair?: string;
  readonly parameters: Parameters;
  readonly reports?: readonly { readonly step: number; readonly values: readonly number[] }[];
  /** Missing if the trial was not complete. */
  readonly values?: readonly number[];
}

/** Neighbours that a value is taken from. */
const neighbours = 5;

/**
 * Functions made of recorded trials, one for each pair in the file: JSON lines `{ "pair", "parameters": {...}, "reports": [{ "step", "values" }], "values": [...] }`, as record-trials.ts writes
 * them, compressed or not. The first value is a score, to be maximised. The space is that of the values recorded: logarithmic where they span a decade or more, choices where they are no numbers.
 *
 * The value of a point is the mean over its five nearest trials in the unit cube, weighted by one over the squared distance: exact at the recorded points, so that the best of them is the best of all.
 */
export function tableProblems(file: string): readonly Problem[] {
  const bytes = readFileSync(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  const lines = text.trim().split('\n');
  const trials = lines.map((line) => JSON.parse(line) as RecordedTrial).filter(({ values }) => values !== undefined);
  return [...Map.groupBy(trials, ({ pair }) => pair ?? 'table')].map(([pair, own]) => tableProblem(pair, own));
}

function tableProblem(name: string, trials: readonly RecordedTrial[]): Problem {
  const space = recordedSpace(trials.map(({ parameters }) => parameters));
  const cube = unitCube(space);
  const recorded = trials.map(({ parameters, values }) => ({ point: cube.toPoint(parameters), loss: -values![0]! }));
  return {
    name,
    space,
    least: Math.min(...recorded.map(({ loss }) => loss)),
    noise: 0,
    value: (parameters) => weightedMean(recorded, cube.toPoint(parameters)),
  };
}

interface Recorded {
  readonly point: CubePoint;
  readonly loss: number;
}

function weightedMean(recorded: readonly Recorded[], at: CubePoint): number {
  const nearest = recorded
    .map(({ point, loss }) => ({ loss, squared: squaredDistance(point, at) }))
    .sort((a, b) => a.squared - b.squared)
    .slice(0, neighbours);
  if (nearest[0]!.squared === 0) return nearest[0]!.loss;
  const total = nearest.reduce((sum, { squared }) => sum + 1 / squared, 0);
  return nearest.reduce((sum, { loss, squared }) => sum + loss / squared / total, 0);
}

function recordedSpace(points: readonly Parameters[]): Space {
  return Object.fromEntries(Object.keys(points[0]!).map((name) => [name, dimension(points.map((p) => p[name]!))]));
}

function dimension(values: readonly Parameters[string][]): Parameter {
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length < values.length) return { kind: 'categorical', choices: [...new Set(values)] };
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const isWhole = numbers.every(Number.isInteger);
  return { kind: isWhole ? 'int' : 'float', low, high, log: low > 0 && high >= 10 * low };
}

function squaredDistance(a: CubePoint, b: CubePoint): number {
  const numeric = a.unit.reduce((sum, v, i) => sum + (v - b.unit[i]!) ** 2, 0);
  return numeric + a.choices.filter((choice, i) => choice !== b.choices[i]).length;
}
