import { z } from 'zod';
import type { Random } from '../../random.ts';
import { crowdingDistance } from '../pareto.ts';
import type { Sampler } from '../sampler.ts';
import type { Direction, Parameters, Space } from '../space.ts';
import type { Trial } from '../trial.ts';
import { type CubePoint, unitCube } from '../unit-cube.ts';
import { randomParameters } from './random.ts';
import { rankTrials, taught } from './ranking.ts';
import { checkSettings, type SamplerSettings } from './settings.ts';
import { cross, mutate } from './variation.ts';

const schema = z.strictObject({
  populationSize: z.int().min(2).max(10_000).default(20),
});

/** How often a child that is there already is drawn again before a random point is taken. */
const TRIES = 10;

/**
 * NSGA-II (Deb et al., IEEE TEC 6, 2002) for one or more objectives: the best of each generation, by front and then by crowding, are crossed and mutated. The generations are the
 * finished trials by number, `populationSize` at a time, so nothing has to be remembered; the first is random.
 *
 * Settings: `populationSize` (default 20, since searches of rates have tens of trials; the paper has 100).
 */
export function nsga2Sampler(settings: SamplerSettings = {}): Sampler {
  const { populationSize } = checkSettings(schema, settings, 'nsga2');
  return {
    name: 'nsga2',
    settings: { populationSize },
    suggest({ space, directions, trials, count, random }) {
      const cube = unitCube(space);
      const usable = trials.filter((trial) => taught(trial) && cube.contains(trial.parameters));
      const parents = survivors(usable, directions, populationSize).map((each) => cube.toPoint(each.parameters));
      const known = new Set(trials.map(({ parameters }) => keyOf(parameters, space)));
      return Array.from({ length: count }, () => {
        for (let i = 0; i < TRIES && parents.length > 0; i++) {
          const child = mutate(cube, cross(tournament(parents, random), tournament(parents, random), random), random);
          const parameters = cube.toParameters(child.unit, child.choices);
          if (known.has(keyOf(parameters, space))) continue;
          known.add(keyOf(parameters, space));
          return parameters;
        }
        return randomParameters(cube, random);
      });
    },
  };
}

/** The parents of the generation that is being made, the best first; none for the first generation. */
function survivors(trials: readonly Trial[], directions: readonly Direction[], size: number): readonly Trial[] {
  let parents: readonly Trial[] = [];
  for (let end = size; end <= trials.length; end += size)
    parents = select([...parents, ...trials.slice(end - size, end)], directions, size);
  return parents;
}

/** The best `size`, in order: by front, within a front those with most room around them first. */
function select(trials: readonly Trial[], directions: readonly Direction[], size: number): readonly Trial[] {
  return rankTrials(trials, directions)
    .flatMap((front) => {
      const room = crowdingDistance(front.map(({ losses }) => losses));
      return front
        .map(({ trial }, i) => ({ trial, room: room[i]! }))
        .sort((a, b) => (a.room < b.room ? 1 : a.room > b.room ? -1 : 0));
    })
    .slice(0, size)
    .map(({ trial }) => trial);
}

/** The better of two. */
function tournament(ordered: readonly CubePoint[], random: Random): CubePoint {
  return ordered[Math.min(random.int(ordered.length), random.int(ordered.length))]!;
}

function keyOf(parameters: Parameters, space: Space): string {
  return JSON.stringify(Object.keys(space).map((name) => parameters[name]));
}
