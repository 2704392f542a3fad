import { z } from 'zod';
import { LrdistError } from '../../errors.ts';
import type { SampleRequest, Sampler } from '../sampler.ts';
import type { Parameters } from '../space.ts';
import type { Trial } from '../trial.ts';
import { type UnitCube, unitCube } from '../unit-cube.ts';
import { checkSettings } from './settings.ts';
import { misleads } from './warm-start/misleads.ts';
import { drawWithin, goodRegion, type Region } from './warm-start/region.ts';

const schema = z.strictObject({
  first: z.int().min(0).default(4),
  weight: z.number().min(0).max(1).default(0.5),
  halving: z.number().gt(0).default(20),
});

export interface TransferOptions {
  /** Trials of other studies, a list for each, in the same space and with the same directions. Their values need no common scale: only ranks within a source count. */
  readonly sources: readonly (readonly Trial[])[];
  /** Points to begin with: the best of each source in turn. 4. */
  readonly first?: number;
  /** Chance that a suggestion comes from a source's good region, when the study is new. 0.5. */
  readonly weight?: number;
  /** Trials after which that chance has halved; after n of them it is weight / (1 + n / halving). 20. */
  readonly halving?: number;
}

/**
 * Any sampler, warm-started by the trials of other studies: it begins with their best points, and draws some later points near the best 15 % of theirs.
 *
 * A source is left out as soon as it misleads: when the study's own trials inside its good region (three or more) rank no better than those outside it (three or more).
 *
 * @throws LrdistError ERR_INVALID_OPTION for a wrong option, and from `suggest` if no complete trial of the sources lies in the space
 */
export function withTransfer(sampler: Sampler, { sources, ...settings }: TransferOptions): Sampler {
  const checked = checkSettings(schema, settings, `${sampler.name} with transfer`);
  return {
    name: sampler.name,
    settings: {
      ...sampler.settings,
      ...Object.fromEntries(Object.entries(checked).map(([name, value]) => [`transfer_${name}`, value])),
      transfer_sources: sources.length,
    },
    suggest(request) {
      const cube = unitCube(request.space);
      const regions = trustedRegions(sources, request, cube);
      const transferred = [
        ...firstPoints(regions, request, checked.first),
        ...drawnPoints(regions, request, cube, checked.weight / (1 + request.trials.length / checked.halving)),
      ].slice(0, request.count);
      const count = request.count - transferred.length;
      if (count === 0) return transferred;
      const trials = [...request.trials, ...transferred.map((point, i) => waiting(request.trials.length + i, point))];
      return [...transferred, ...sampler.suggest({ ...request, trials, count })];
    },
  };
}

function trustedRegions(
  sources: TransferOptions['sources'],
  { trials, directions }: SampleRequest,
  cube: UnitCube,
): readonly Region[] {
  const regions = sources.flatMap((source) => goodRegion(source, directions, cube) ?? []);
  if (sources.length > 0 && regions.length === 0)
    throw new LrdistError('ERR_INVALID_OPTION', 'sources: none of their complete trials lies in this space', {
      remedy: 'Take studies with the same parametrisation, bounds and objectives, or search without transfer.',
    });
  return regions.filter((region) => !misleads(region, trials, directions, cube));
}

/** The sources' best points that nobody has tried yet. */
function firstPoints(
  regions: readonly Region[],
  { space, trials }: SampleRequest,
  first: number,
): readonly Parameters[] {
  const names = Object.keys(space);
  const keyOf = (parameters: Parameters) => JSON.stringify(names.map((name) => parameters[name]));
  const depth = Math.max(0, ...regions.map(({ parameters }) => parameters.length));
  const inTurn = Array.from({ length: depth }, (_, rank) => regions.map(({ parameters }) => parameters[rank]))
    .flat()
    .filter((parameters) => parameters !== undefined);
  const different = new Map(inTurn.map((parameters) => [keyOf(parameters), parameters]));
  const tried = new Set(trials.map(({ parameters }) => keyOf(parameters)));
  return [...different]
    .slice(0, first)
    .filter(([key]) => !tried.has(key))
    .map(([, parameters]) => Object.fromEntries(names.map((name) => [name, parameters[name]!])));
}

function drawnPoints(
  regions: readonly Region[],
  { count, random }: SampleRequest,
  cube: UnitCube,
  chance: number,
): readonly Parameters[] {
  if (regions.length === 0) return [];
  const drawn = Array.from({ length: count }, () => random.float()).filter((v) => v < chance);
  return drawn.map(() => drawWithin(regions[random.int(regions.length)]!, cube, random));
}

function waiting(number: number, parameters: Parameters): Trial {
  return {
    number,
    state: 'waiting',
    origin: 'sampled',
    parameters,
    values: null,
    constraints: null,
    reports: [],
    attributes: {},
    attempt: 0,
    lost: 0,
    error: null,
    created: 0,
    started: null,
    finished: null,
  };
}
