import type { Random } from '../../../random.ts';
import { randomNormal } from '../../normal.ts';
import type { UnitCube } from '../../unit-cube.ts';
import type { Acquisition } from './acquisition.ts';
import { type Bounds, minimize } from './minimize.ts';

export interface Effort {
  /** Points by chance. */
  readonly candidates: number;
  /** How many of them are improved by L-BFGS. */
  readonly starts: number;
  readonly iterations: number;
}

/** Integers with cells of this share of their range or more are tried one by one. */
const coarse = 0.1;

/**
 * The point where the acquisition is highest, as far as found: candidates by chance in the whole cube and around the best points known; of each group of them the best is
 * improved along the gradient, and along each dimension that has no gradient by trying its values.
 */
export function maximise(
  f: Acquisition,
  cube: UnitCube,
  known: readonly Float64Array[],
  effort: Effort,
  random: Random,
): Float64Array {
  let best: Scored | undefined;
  for (const start of bestOfGroups(f, cube, known, effort, random)) {
    const found = improve(f, cube, start, effort.iterations, random);
    if (best === undefined || found.value > best.value) best = found;
  }
  return best!.point;
}

interface Scored {
  readonly point: Float64Array;
  readonly value: number;
}

function bestOfGroups(
  f: Acquisition,
  cube: UnitCube,
  known: readonly Float64Array[],
  { candidates, starts }: Effort,
  random: Random,
): readonly Scored[] {
  const size = Math.ceil(candidates / starts);
  return Array.from({ length: starts }, (_, group) => {
    // Every third group looks around a known good point, a group of its own for each.
    const centre = group % 3 === 2 ? known[Math.floor(group / 3) % Math.max(known.length, 1)] : undefined;
    let best: Scored | undefined;
    for (let i = 0; i < size; i++) {
      const point = onGrid(cube, centre === undefined ? anywhere(cube, random) : near(centre, cube, random));
      const value = f(point);
      if (best === undefined || value > best.value) best = { point, value };
    }
    return best!;
  });
}

function anywhere({ numeric, categorical }: UnitCube, random: Random): Float64Array {
  return Float64Array.from([
    ...numeric.map(() => random.float()),
    ...categorical.map(({ choices }) => random.int(choices.length)),
  ]);
}

/** At a distance from a thousandth to a third of the cube; a third of the choices are drawn anew. */
function near(centre: Float64Array, { numeric, categorical }: UnitCube, random: Random): Float64Array {
  const distance = 10 ** (-3 + 2.5 * random.float());
  const point = centre.map((v, d) => (d < numeric.length ? clamp01(v + distance * randomNormal(random)) : v));
  categorical.forEach(({ choices }, c) => {
    if (random.float() < 1 / 3) point[numeric.length + c] = random.int(choices.length);
  });
  return point;
}

function improve(f: Acquisition, cube: UnitCube, start: Scored, iterations: number, random: Random): Scored {
  let best = start;
  for (let round = 0; round < 4; round++) {
    const before = best.value;
    best = alongGradient(f, cube, best, iterations);
    best = alongGrid(f, cube, best, random);
    // Without grid dimensions one round has done everything.
    if (!hasGrid(cube) || best.value <= before + 1e-6) break;
  }
  return best;
}

/** Integers with many values go along and are rounded at the end; others stay. */
function alongGradient(f: Acquisition, cube: UnitCube, start: Scored, iterations: number): Scored {
  const isFree = (d: number) => (cube.numeric[d]?.cell ?? 1) < coarse;
  if (!cube.numeric.some((_, d) => isFree(d))) return start;
  const bounds: Bounds = {
    low: start.point.map((v, d) => (isFree(d) ? 0 : v)),
    high: start.point.map((v, d) => (isFree(d) ? 1 : v)),
  };
  const negative = (x: Float64Array, gradient: Float64Array) => {
    const value = f(x, gradient);
    for (let d = 0; d < gradient.length; d++) gradient[d] = isFree(d) ? -gradient[d]! : 0;
    return -value;
  };
  const point = onGrid(cube, minimize(negative, start.point, bounds, iterations).x);
  const value = f(point);
  return value > start.value ? { point, value } : start;
}

/** One dimension after the other: all choices, neighbouring integers and some others. */
function alongGrid(f: Acquisition, cube: UnitCube, start: Scored, random: Random): Scored {
  let best = start;
  const consider = (d: number, coordinate: number) => {
    const moved = best.point.slice();
    moved[d] = coordinate;
    const point = onGrid(cube, moved);
    const value = f(point);
    if (value > best.value) best = { point, value };
  };
  cube.numeric.forEach(({ cell }, d) => {
    if (cell === 0) return;
    for (const distance of [-cell, cell]) consider(d, clamp01(best.point[d]! + distance));
    for (let i = 0; i < 8; i++) consider(d, random.float());
  });
  cube.categorical.forEach(({ choices }, c) => {
    const tried =
      choices.length <= 16 ? choices.map((_, i) => i) : Array.from({ length: 16 }, () => random.int(choices.length));
    for (const choice of tried) consider(cube.numeric.length + c, choice);
  });
  return best;
}

function hasGrid({ numeric, categorical }: UnitCube): boolean {
  return categorical.length > 0 || numeric.some(({ cell }) => cell > 0);
}

/** Integers moved to the middle of their cells. */
function onGrid(cube: UnitCube, point: Float64Array): Float64Array {
  if (!cube.numeric.some(({ cell }) => cell > 0)) return point;
  const count = cube.numeric.length;
  const { unit, choices } = cube.toPoint(cube.toParameters(point, point.subarray(count)));
  return Float64Array.from([...unit, ...choices]);
}

function clamp01(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}
