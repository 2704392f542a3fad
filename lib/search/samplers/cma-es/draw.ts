import type { Random } from '../../../random.ts';
import { randomNormal } from '../../normal.ts';
import type { UnitCube } from '../../unit-cube.ts';
import { colour, type State } from './state.ts';

/** A point of the state's distribution. Along an integer dimension the deviation is at least half a cell, since a narrower one would repeat one value for ever. */
export function drawPoint(state: State, { numeric }: UnitCube, random: Random): Float64Array {
  const n = state.mean.length;
  const step = colour(
    state,
    state.mean.map(() => randomNormal(random)),
  );
  return state.mean.map((mean, d) => {
    const deviation = state.sigma * Math.sqrt(state.covariance[d * n + d]!);
    const widened = Math.max(1, (0.5 * numeric[d]!.cell) / deviation);
    return reflect(mean + state.sigma * step[d]! * widened);
  });
}

/** Back into [0, 1], as a mirror at each end would show it. */
export function reflect(value: number): number {
  const inTwo = ((value % 2) + 2) % 2;
  return inTwo <= 1 ? inTwo : 2 - inTwo;
}
