import { z } from 'zod';
import type { Random } from '../../random.ts';
import { hypervolumeSubset } from '../hypervolume.ts';
import type { Sampler } from '../sampler.ts';
import type { Direction } from '../space.ts';
import type { Trial } from '../trial.ts';
import { type CubePoint, unitCube } from '../unit-cube.ts';
import { randomParameters } from './random.ts';
import { rankTrials, taught } from './ranking.ts';
import { checkSettings, type SamplerSettings } from './settings.ts';
import { type ParzenEstimator, parzenEstimator } from './tpe-parzen.ts';

const schema = z.strictObject({
  nStartupTrials: z.int().min(0).default(10),
  nEiCandidates: z.int().min(1).max(10_000).default(24),
});

/**
 * Multivariate tree-structured Parzen estimator: the best tenth of the trials and the rest each give a density over the whole space, and of points drawn from the first the one is
 * taken at which their ratio is highest (Bergstra et al., NeurIPS 2011; Watanabe, arXiv 2304.11127). With several objectives the best are the first fronts, the last of them cut by
 * hypervolume (Ozaki et al., GECCO 2020). Points that are being tried, and those of the same batch, count as bad, so that others are looked at.
 *
 * Settings: `nStartupTrials` (default 10) random points come first; `nEiCandidates` (default 24) are compared.
 */
export function tpeSampler(settings: SamplerSettings = {}): Sampler {
  const { nStartupTrials, nEiCandidates } = checkSettings(schema, settings, 'tpe');
  return {
    name: 'tpe',
    settings: { nStartupTrials, nEiCandidates },
    suggest({ space, directions, trials, count, random }) {
      const cube = unitCube(space);
      const usable = trials.filter(({ state, parameters }) => state !== 'failed' && cube.contains(parameters));
      if (usable.filter(taught).length < Math.max(nStartupTrials, 1))
        return Array.from({ length: count }, () => randomParameters(cube, random));

      const pointOf = ({ parameters }: Trial) => cube.toPoint(parameters);
      const best = bestTrials(usable, directions);
      const good = usable.filter((trial) => best.has(trial)).map(pointOf);
      const others = usable.filter((trial) => !best.has(trial)).map(pointOf);
      // With several objectives an early trial of the front is as good as a late one.
      const below = parzenEstimator(cube, good, directions.length > 1 ? good.map(() => 1) : weightsByAge(good.length));
      return Array.from({ length: count }, () => {
        const above = parzenEstimator(cube, others, weightsByAge(others.length));
        const point = mostPromising(below, above, nEiCandidates, random);
        others.push(point);
        return cube.toParameters(point.unit, point.choices);
      });
    },
  };
}

function mostPromising(below: ParzenEstimator, above: ParzenEstimator, candidates: number, random: Random): CubePoint {
  let best = below.sample(random);
  let highest = below.logDensity(best) - above.logDensity(best);
  for (let i = 1; i < candidates; i++) {
    const point = below.sample(random);
    const ratio = below.logDensity(point) - above.logDensity(point);
    if (ratio > highest) [best, highest] = [point, ratio];
  }
  return best;
}

/** A tenth of those that taught something, with one objective no more than 25. */
function bestTrials(trials: readonly Trial[], directions: readonly Direction[]): ReadonlySet<Trial> {
  const tenth = Math.ceil(0.1 * trials.filter(taught).length);
  const wanted = directions.length > 1 ? tenth : Math.min(tenth, 25);
  const best = new Set<Trial>();
  for (const front of rankTrials(trials, directions)) {
    const room = wanted - best.size;
    if (room <= 0) break;
    const fits = front.length <= room || front.some(({ losses }) => losses.length < 2);
    const losses = front.map((ranked) => ranked.losses);
    const chosen = fits ? front.slice(0, room) : hypervolumeSubset(losses, room).map((i) => front[i]!);
    for (const { trial } of chosen) best.add(trial);
  }
  return best;
}

/** By age, the oldest first: the last 25 weigh 1 each, those before rise evenly from 1 / count. */
function weightsByAge(count: number): number[] {
  const rising = count - 25;
  return Array.from({ length: count }, (_, i) =>
    i >= rising ? 1 : 1 / count + ((1 - 1 / count) * i) / Math.max(rising - 1, 1),
  );
}
