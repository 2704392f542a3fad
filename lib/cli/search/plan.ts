/** All that a search's command line says, before anything is loaded. */
import type { RateDistribution } from '../../rates/distribution.ts';
import type { CommandContext } from '../run.ts';
import { defaultProcesses, searchDevices } from './devices.ts';
import { sharedThreads } from './executor.ts';
import { type FinalPlan, finalPlan } from './finals.ts';
import type { SearchArguments } from './options.ts';
import { pairsOf, type NamedPair } from './pairs.ts';
import { countOf, invalid, numberOf, textOf } from './reading.ts';
import { checkClashes, type SharedSpec, sharedSpec } from './spec.ts';
import { searchAddress } from './storage.ts';
import { knownOf, type Strategy, strategyOf } from './strategy.ts';

export interface SearchPlan {
  readonly pairs: readonly NamedPair[];
  readonly spec: SharedSpec;
  readonly strategy: Strategy;
  readonly known: readonly RateDistribution[] | undefined;
  readonly trials: number;
  readonly batchSize: number;
  /** Child processes; 0 = this one. */
  readonly processes: number;
  /** `cuda` = all GPUs; several with commas. */
  readonly devices: string | undefined;
  /** Processes like this one that are to work on the study. */
  readonly workers: number;
  readonly mode: 'lockstep' | 'async';
  /** Milliseconds. */
  readonly lease: number | undefined;
  readonly attempts: number | undefined;
  readonly seed: number;
  readonly storage: string;
  readonly output: string | undefined;
  readonly finals: FinalPlan | undefined;
}

/** How a process takes part. @throws ERR_INVALID_OPTION */
export function participation(
  args: SearchArguments,
): Pick<SearchPlan, 'batchSize' | 'processes' | 'devices' | 'mode' | 'lease' | 'attempts'> {
  const devices = searchDevices(args);
  const lease = numberOf(args, 'lease');
  if (lease !== undefined && !(lease > 0 && lease <= 86_400))
    throw invalid(`--lease: expected seconds above 0 and at most 86400, received ${lease}`);
  return {
    batchSize: countOf(args, 'trials_per_batch') ?? 4,
    processes: countOf(args, 'processes') ?? defaultProcesses(devices),
    devices,
    mode: args['async'] === true ? 'async' : 'lockstep',
    lease: lease === undefined ? undefined : 1000 * lease,
    attempts: countOf(args, 'attempts'),
  };
}

/** @throws LrdistError of many codes */
export async function searchPlan(args: SearchArguments, context: CommandContext): Promise<SearchPlan> {
  const pairs = pairsOf(args);
  checkClashes(args);
  const strategy = strategyOf(args);
  const finals = finalPlan(args);
  const trials = countOf(args, 'trials') ?? 50;
  const part = participation(args);
  const storage = searchAddress(args);
  const { layers, ...spec } = await sharedSpec(args, strategy.paper, context);
  const threads = sharedThreads(part.processes, part.devices);
  return {
    ...part,
    pairs,
    strategy,
    trials,
    workers: countOf(args, 'workers') ?? 1,
    storage,
    spec: { ...spec, session: { ...(threads === undefined ? {} : { threads }), ...spec.session } },
    known: knownOf(args, strategy, layers),
    seed: numberOf(args, 'seed') ?? 42,
    output: textOf(args, 'output_dir'),
    finals,
  };
}

/** What all workers together run at once, in lockstep: a round. */
export function firstRound({ batchSize, mode, processes, trials, workers }: SearchPlan) {
  if (mode === 'async') return undefined;
  return { batchSize, batches: workers * Math.max(1, processes), total: trials };
}
