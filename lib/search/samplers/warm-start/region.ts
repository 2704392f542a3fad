import type { Random } from '../../../random.ts';
import { randomNormal } from '../../normal.ts';
import type { Direction, Parameters } from '../../space.ts';
import type { Trial } from '../../trial.ts';
import type { CubePoint, UnitCube } from '../../unit-cube.ts';
import { rankTrials } from '../ranking.ts';

/** Where the best trials of a source lie in this space, the best first. */
export interface Region {
  readonly points: readonly CubePoint[];
  /** The same points. */
  readonly parameters: readonly Parameters[];
}

/** Share of a source's trials that are good, and the deviation of draws around each, as a share of the range. */
const goodShare = 0.15;
const deviation = 0.1;
/** Points as near as this (root of the mean square over the dimensions) are inside: nearly all draws are, and few points by chance. */
const radius = 2 * deviation;

/** @returns undefined if no complete trial of the source lies in the space */
export function goodRegion(
  source: readonly Trial[],
  directions: readonly Direction[],
  cube: UnitCube,
): Region | undefined {
  const usable = source.filter(
    ({ state, values, parameters }) =>
      state === 'complete' && values?.length === directions.length && cube.contains(parameters),
  );
  const ranked = rankTrials(usable, directions).flat();
  const good = ranked.slice(0, Math.ceil(goodShare * ranked.length));
  if (good.length === 0) return undefined;
  const parameters = good.map(({ trial }) => trial.parameters);
  return { parameters, points: parameters.map((one) => cube.toPoint(one)) };
}

/** A point near one of the region's; each choice is kept with a chance of four fifths. */
export function drawWithin({ points }: Region, cube: UnitCube, random: Random): Parameters {
  const { unit, choices } = points[random.int(points.length)]!;
  return cube.toParameters(
    unit.map((v) => v + deviation * randomNormal(random)),
    choices.map((choice, i) => (random.float() < 0.8 ? choice : random.int(cube.categorical[i]!.choices.length))),
  );
}

export function isInside({ points }: Region, point: CubePoint): boolean {
  return points.some((good) => distance(good, point) <= radius);
}

function distance(a: CubePoint, b: CubePoint): number {
  const numeric = a.unit.reduce((sum, v, d) => sum + (v - b.unit[d]!) ** 2, 0);
  const different = a.choices.filter((choice, i) => choice !== b.choices[i]).length;
  // A wrong choice is like a third of the range.
  return Math.sqrt((numeric + different / 9) / (a.unit.length + a.choices.length));
}
