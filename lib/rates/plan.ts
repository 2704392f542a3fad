import { LrdistError } from '../errors.ts';
import { forLayers } from './convert.ts';
import { hasWeightDecay } from './decay.ts';
import { layersOf } from './depth.ts';
import { ratesAt, type RateDistribution } from './distribution.ts';
import { assign } from './groups.ts';
import { phaseFactors, refusePhases } from './phases.ts';

export interface PlanOptions {
  /** Weight decay of all replicas, or one for each; not applied to biases and LayerNorm. Default 0. */
  readonly weightDecay?: number | readonly number[];
  /** Which of the distributions' stages, from 0. Default 0. */
  readonly stage?: number;
  /** The update number, from 0, whose rates are wanted, and how many the stage has. Needed for distributions with phases. */
  readonly at?: { readonly step: number; readonly total: number };
}

/** The part of a NativePlan that rates decide. K = distributions, P = parameters, G = `groups`. */
export interface RatePlan {
  /** [P] merged group of each parameter. */
  readonly groupOf: Int32Array;
  readonly groups: number;
  /** [K x G] */
  readonly rates: Float64Array;
  /** [K x G], 0 where the rate is 0. */
  readonly decay: Float64Array;
  /** [G] the groups' names, those of the distributions joined by "&", with "(no decay)" where decay is left out. */
  readonly names: readonly string[];
  /** [K][G] group of distribution k that merged group g lies in. */
  readonly member: readonly Int32Array[];
}

/**
 * One plan for K distributions as replicas of one session. Their groupings may differ: the plan's groups are the coarsest that refine
 * them all (and the split by weight decay), in the order in which parameters first meet them. Distributions for another number of layers
 * are mapped (see forLayers).
 *
 * @throws LrdistError ERR_GROUP_EMPTY, ERR_PARAMETER_UNCLAIMED, ERR_INVALID_OPTION, ERR_RATES_ENCODE for phases without `at`
 */
export function buildPlan(
  parameters: readonly { readonly name: string }[],
  distributions: readonly RateDistribution[],
  options: PlanOptions = {},
): RatePlan {
  if (distributions.length === 0)
    throw new LrdistError('ERR_INVALID_OPTION', 'rates: expected at least one distribution, received none');
  const names = parameters.map((parameter) => parameter.name);
  const layers = layersOf(names);
  const mapped = distributions.map((distribution) => (layers === 0 ? distribution : forLayers(distribution, layers)));
  const assigned = mapped.map((distribution) => assign(names, distribution.groups));
  const decays = decayOf(options.weightDecay ?? 0, mapped.length);
  const splitByDecay = decays.some((decay) => decay !== 0);

  const index = new Map<string, number>();
  const first: number[] = [];
  const groupOf = Int32Array.from(names, (name, p) => {
    const key = [...assigned.map((groups) => groups[p]), splitByDecay && hasWeightDecay(name)].join();
    let group = index.get(key);
    if (group === undefined) {
      group = first.length;
      index.set(key, group);
      first.push(p);
    }
    return group;
  });

  const member = assigned.map((groups) => Int32Array.from(first, (p) => groups[p]!));
  const G = first.length;
  const rates = new Float64Array(mapped.length * G);
  const decay = new Float64Array(mapped.length * G);
  for (const [k, distribution] of mapped.entries()) {
    if (options.at === undefined) refusePhases(distribution, 'a plan without steps');
    const stage = ratesAt(distribution, options.stage ?? 0);
    const factors = phaseFactors(distribution, options.at?.step ?? 0, options.at?.total ?? 1);
    for (let g = 0; g < G; g++) {
      const rate = stage[member[k]![g]!]! * factors[member[k]![g]!]!;
      rates[k * G + g] = rate;
      decay[k * G + g] = rate > 0 && hasWeightDecay(names[first[g]!]!) ? decays[k]! : 0;
    }
  }
  const nameOf = (p: number, g: number): string => {
    const parts = new Set(mapped.map((distribution, k) => distribution.groups[member[k]![g]!]!.name));
    return [...parts].join('&') + (splitByDecay && !hasWeightDecay(names[p]!) ? ' (no decay)' : '');
  };
  return { groupOf, groups: G, rates, decay, names: first.map(nameOf), member };
}

function decayOf(weightDecay: number | readonly number[], replicas: number): readonly number[] {
  const decays = typeof weightDecay === 'number' ? new Array<number>(replicas).fill(weightDecay) : weightDecay;
  if (decays.length !== replicas)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `weight_decay: expected ${replicas} numbers, one for each distribution, received ${decays.length}`,
    );
  for (const decay of decays) {
    if (!Number.isFinite(decay) || decay < 0)
      throw new LrdistError('ERR_INVALID_OPTION', `weight_decay: expected a number of 0 or more, received ${decay}`);
  }
  return decays;
}
