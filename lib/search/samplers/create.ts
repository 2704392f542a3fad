import { LrdistError, nearest } from '../../errors.ts';
import type { Sampler } from '../sampler.ts';
import { cmaEsSampler } from './cma-es.ts';
import { gpSampler } from './gp.ts';
import { gridSampler } from './grid.ts';
import { nsga2Sampler } from './nsga2.ts';
import { randomSampler } from './random.ts';
import type { SamplerSettings } from './settings.ts';
import { sobolSampler } from './sobol.ts';
import { tpeSampler } from './tpe.ts';

/** Every sampler by its name. */
export const samplers = {
  random: randomSampler,
  grid: gridSampler,
  sobol: sobolSampler,
  tpe: tpeSampler,
  gp: gpSampler,
  'cma-es': cmaEsSampler,
  nsga2: nsga2Sampler,
} as const satisfies Record<string, (settings?: SamplerSettings) => Sampler>;

export type SamplerName = keyof typeof samplers;

export const samplerNames = Object.keys(samplers) as readonly SamplerName[];

/**
 * A sampler by name, for instance as a study's record has it.
 *
 * @throws LrdistError ERR_INVALID_OPTION for an unknown name or a wrong setting, ERR_UNKNOWN_OPTION for a setting that the sampler does not have
 */
export function createSampler(name: string, settings: SamplerSettings = {}): Sampler {
  if (Object.hasOwn(samplers, name)) return samplers[name as SamplerName](settings);
  const near = nearest(name, samplerNames);
  throw new LrdistError('ERR_INVALID_OPTION', `sampler: there is no sampler "${name}"`, {
    remedy: near === undefined ? `The samplers are ${samplerNames.join(', ')}.` : `Did you mean ${near}?`,
  });
}
