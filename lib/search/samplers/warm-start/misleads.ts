import type { Direction } from '../../space.ts';
import type { Trial } from '../../trial.ts';
import type { UnitCube } from '../../unit-cube.ts';
import { rankTrials } from '../ranking.ts';
import { isInside, type Region } from './region.ts';

/** So many trials on each side are needed for a verdict. */
const needed = 3;

/**
 * Whether a source's good region is not good here: of the study's own finished trials, those inside it rank no better than those outside (a pair of one of each is won by the inside one with
 * a chance of one half or less: the Mann-Whitney statistic).
 */
export function misleads(
  region: Region,
  trials: readonly Trial[],
  directions: readonly Direction[],
  cube: UnitCube,
): boolean {
  const ranks = rankTrials(trials, directions).flatMap((front, rank) =>
    front
      .filter(({ trial }) => cube.contains(trial.parameters))
      .map(({ trial }) => ({ rank, inside: isInside(region, cube.toPoint(trial.parameters)) })),
  );
  const inside = ranks.filter((one) => one.inside);
  const outside = ranks.filter((one) => !one.inside);
  if (inside.length < needed || outside.length < needed) return false;
  const wins = inside.reduce(
    (sum, a) => sum + outside.reduce((won, b) => won + (a.rank < b.rank ? 1 : a.rank === b.rank ? 0.5 : 0), 0),
    0,
  );
  return wins <= 0.5 * inside.length * outside.length;
}
