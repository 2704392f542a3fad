import { z } from 'zod';
import type { SampleRequest, Sampler } from '../sampler.ts';
import type { Parameters } from '../space.ts';
import { unitCube } from '../unit-cube.ts';
import { observations, pendingPoints, pointOf } from './gp/observations.ts';
import { suggestPoints } from './gp/suggest.ts';
import { randomSampler } from './random.ts';
import { checkSettings, type SamplerSettings } from './settings.ts';
import { SOBOL_DIMENSIONS, sobolSampler } from './sobol.ts';

const schema = z.strictObject({
  startup: z.int().min(1).default(10),
  candidates: z.int().min(16).default(2048),
  seed: z.int().min(0).default(0),
});

/**
 * Bayesian optimisation with a Gaussian process: Matern 5/2 kernel with a length for every dimension, fitted noise, log expected improvement over the best posterior mean.
 *
 * - The first trials, `startup` (10), are those of a Sobol sequence, scrambled by `seed` (0).
 * - A batch, and trials that others have not finished, are believed: each is taken as seen with its expected value before the next is chosen.
 * - Several objectives: each suggestion improves another random scalarisation (ParEGO, Knowles 2006). It spreads over the Pareto front; with more than four objectives thinly.
 * - Constraints: each has a model; the improvement is weighted with the probability that all hold.
 * - Pruned trials count with a forecast of their end and its uncertainty, see `observations`.
 *
 * `candidates` (2048): points that the acquisition is looked at before the best are refined; fewer with more than about 100 trials.
 *
 * @throws LrdistError ERR_INVALID_OPTION, ERR_UNKNOWN_OPTION
 */
export function gpSampler(settings: SamplerSettings = {}): Sampler {
  const checked = checkSettings(schema, settings, 'gp');
  return {
    name: 'gp',
    settings: checked,
    suggest(request) {
      const { directions, trials, count, random } = request;
      const cube = unitCube(request.space);
      const seen = observations(trials, directions, cube);
      const early = seen.length < 2 ? count : Math.min(Math.max(checked.startup - trials.length, 0), count);
      const first = early > 0 ? evenPoints({ ...request, count: early }, checked.seed) : [];
      if (early === count) return first;
      const pending = [...pendingPoints(trials, cube), ...first.map((parameters) => pointOf({ parameters }, cube))];
      const points = suggestPoints({
        cube,
        seen,
        pending,
        count: count - early,
        candidates: checked.candidates,
        random,
      });
      return [...first, ...points.map((point) => cube.toParameters(point, point.subarray(cube.numeric.length)))];
    },
  };
}

/** Points of a Sobol sequence; by chance in more dimensions than it has. */
function evenPoints(request: SampleRequest, seed: number): readonly Parameters[] {
  const tooMany = Object.keys(request.space).length > SOBOL_DIMENSIONS;
  return (tooMany ? randomSampler() : sobolSampler({ seed })).suggest(request);
}
