/** How a search chooses: sampler, pruner, and what `--sampler paper` means. */
import { paperRange } from '../../pair-search/rate-space.ts';
import { flat, type RateDistribution } from '../../rates/distribution.ts';
import type { Pruner } from '../../search/pruner.ts';
import { createPruner } from '../../search/pruners/create.ts';
import type { Sampler } from '../../search/sampler.ts';
import { createSampler } from '../../search/samplers/create.ts';
import type { SearchArguments } from './options.ts';
import { invalid, readRecipe, textOf } from './reading.ts';

export interface Strategy {
  readonly sampler: Sampler;
  readonly pruner: Pruner;
  /** The published search of arXiv 2404.01317, as far as it is about the space. */
  readonly paper: boolean;
}

/** @throws ERR_INVALID_OPTION, ERR_UNKNOWN_OPTION */
export function strategyOf(args: SearchArguments): Strategy {
  const sampler = readRecipe('sampler', textOf(args, 'sampler') ?? 'tpe');
  const paper = sampler.name === 'paper';
  if (paper && Object.keys(sampler.settings).length > 0)
    throw invalid(
      '--sampler paper has no settings',
      'For others than the published ones: --sampler gp:... --pruner asha:...',
    );
  const pruner = readRecipe('pruner', textOf(args, 'pruner') ?? (paper ? 'paper' : 'none'));
  return {
    sampler: paper ? createSampler('gp') : createSampler(sampler.name, sampler.settings),
    pruner: createPruner(pruner.name, pruner.settings),
    paper,
  };
}

/** Space of the published search: ten groups by depth where the model is deep enough, rates of 1e-7 to 1e-3. */
export function paperSpace(layers: number): { readonly grouping: string; readonly rates: typeof paperRange } {
  return { grouping: `depth:${Math.min(10, layers + 2)}`, rates: paperRange };
}

/** What is tried first; undefined = the default. */
export function knownOf(
  args: SearchArguments,
  { paper }: Strategy,
  layers: number,
): readonly RateDistribution[] | undefined {
  if (args['known'] === false) return [];
  return paper && args['known'] === undefined ? [flat(1e-5, layers)] : undefined;
}
