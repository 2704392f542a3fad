import { z } from 'zod';
import { LrdistError } from '../../errors.ts';
import type { SampleRequest, Sampler } from '../sampler.ts';
import type { Trial } from '../trial.ts';
import { type UnitCube, unitCube } from '../unit-cube.ts';
import { drawPoint } from './cma-es/draw.ts';
import { replay } from './cma-es/replay.ts';
import { type Distribution, promisingRegion, wholeCube } from './cma-es/start.ts';
import { checkSettings, type SamplerSettings } from './settings.ts';

const schema = z.strictObject({
  population: z.int().min(0).default(0),
  sigma: z.number().gt(0).max(1).default(0.3),
});

export interface CmaEsExtras {
  /** Finished trials of a like problem, in the same space and with the same direction: the search begins where their best ones are (WS-CMA-ES; Nomura et al. 2021, arXiv 2012.06932). */
  readonly source?: readonly Trial[];
}

/**
 * Covariance matrix adaptation (Hansen 2016, arXiv 1604.00772): draws from a normal distribution, moved and shaped by the better half of each generation. For one objective and at
 * least two numeric dimensions, without categorical ones; it needs some hundred trials.
 *
 * Nothing is kept between calls: the generations are replayed from the trials it sampled, `population` of them each, by number (0: 4 + 3 ln d). A generation counts once
 * all its trials are finished. Pruned trials rank behind complete ones, failed ones are passed over.
 * Points outside the bounds are reflected at them. `sigma` (0.3): the first deviation, as a share of each range.
 *
 * @throws LrdistError ERR_INVALID_OPTION for a categorical dimension or several objectives, or a wrong setting; ERR_UNKNOWN_OPTION
 */
export function cmaEsSampler(settings: SamplerSettings = {}, { source = [] }: CmaEsExtras = {}): Sampler {
  const checked = checkSettings(schema, settings, 'cma-es');
  return {
    name: 'cma-es',
    settings: checked,
    suggest(request) {
      const cube = supported(request);
      if (cube.numeric.length === 0) return Array.from({ length: request.count }, () => cube.toParameters([], []));
      const size = checked.population || 4 + Math.floor(3 * Math.log(cube.numeric.length));
      const start = startOf(request, cube, source, checked.sigma);
      const state = replay(request.trials, request.directions, cube, start, Math.max(size, 2));
      return Array.from({ length: request.count }, () => cube.toParameters(drawPoint(state, cube, request.random), []));
    },
  };
}

function startOf({ directions }: SampleRequest, cube: UnitCube, source: readonly Trial[], sigma: number): Distribution {
  return promisingRegion(source, directions, cube) ?? wholeCube(cube.numeric.length, sigma);
}

function supported({ space, directions }: SampleRequest): UnitCube {
  const cube = unitCube(space);
  const [choice] = cube.categorical;
  if (choice !== undefined)
    throw new LrdistError('ERR_INVALID_OPTION', `sampler cma-es: the dimension ${choice.name} is categorical`, {
      remedy: 'Use the sampler tpe or gp, or give the dimension one choice only.',
    });
  if (directions.length !== 1)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `sampler cma-es: expected one objective, received ${directions.length}`,
      {
        remedy: 'Use the sampler nsga2, tpe or gp, or join the objectives into one.',
      },
    );
  return cube;
}
