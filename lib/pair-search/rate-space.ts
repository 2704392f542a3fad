/** Rate distributions as a search space: few numbers of a parametrisation, and what else is searched beside them. */
import { LrdistError } from '../errors.ts';
import { type RateDistribution, type Rates, ratesAt } from '../rates/distribution.ts';
import { parseGrouping } from '../rates/groupings.ts';
import type { GroupSpec } from '../rates/groups.ts';
import { createParametrisation, decodeDistribution, layoutOf } from '../rates/parametrisations/index.ts';
import type { Parametrisation } from '../rates/parametrisations/parametrisation.ts';
import { convert } from '../rates/regroup.ts';
import type { FloatParameter, Parameter, Parameters, Space } from '../search/space.ts';
import type { Candidate } from './candidate.ts';

export type Range = readonly [low: number, high: number];

export interface RateSpaceOptions {
  /** Encoder layers of the model. */
  readonly layers: number;
  /** A grouping, or the groups themselves. Default `layer`: embeddings, each layer, heads. */
  readonly grouping?: string | readonly GroupSpec[];
  /** Default `free`: a rate for every group. */
  readonly parametrisation?: string;
  /** Range of every dimension that is a rate. Default `rateRange`, and `headRange` for the heads' own. */
  readonly rates?: Range;
  /** Ranges of dimensions by name, such as `lr_head`. */
  readonly ranges?: Readonly<Record<string, Range>>;
  /** `own`: rates of their own for each of paper mode's two stages. Default `same`. */
  readonly stages?: 'same' | 'own';
  /** More dimensions; absent ones are not searched. */
  readonly weightDecay?: Range;
  readonly warmupRatio?: Range;
  /** Epochs of the second stage, whole. */
  readonly epochs?: Range;
  /** Strength of the penalty that the trials are trained with, on a logarithmic scale. */
  readonly penalty?: Range;
}

/** arXiv 2404.01317. */
export const paperRange: Range = [1e-7, 1e-3];

/**
 * Narrower than the paper's: of its finished trials a third to a half never learned one of the tasks, most of them for rates that are too low to move anything
 * within an epoch, and a rate of 1e-6 already keeps a part of the network where it is.
 */
export const rateRange: Range = [1e-6, 1e-3];

/** Of the heads, which are new and have everything to learn: shapes such as fast-head lie within. */
export const headRange: Range = [1e-5, 1e-2];

export interface RateSpace {
  readonly space: Space;
  readonly groups: readonly GroupSpec[];
  readonly layers: number;
  /** What a trial with these parameters trains with. */
  decode(parameters: Parameters, name: string): Candidate;
  /**
   * The parameters nearest to a distribution, and how far its rates are from what they decode to: the largest factor, 1 = exactly.
   * Dimensions that are not rates get the middle of their range.
   *
   * @throws ERR_RATES_ENCODE for distributions that cannot be expressed at all, such as frozen groups
   */
  encode(distribution: RateDistribution): { readonly parameters: Parameters; readonly factor: number };
}

/** @throws ERR_INVALID_OPTION */
export function rateSpace(options: RateSpaceOptions): RateSpace {
  const { layers, grouping = 'layer', parametrisation: form = 'free', stages = 'same' } = options;
  const groups = typeof grouping === 'string' ? parseGrouping(grouping).groups(layers) : grouping;
  const parametrisation = createParametrisation(form, layoutOf(groups, layers));
  const prefixes = stages === 'own' ? ['s1_', 's2_'] : [''];
  const rates = Object.fromEntries(
    prefixes.flatMap((prefix) =>
      parametrisation.parameters.map((parameter) => [`${prefix}${parameter.name}`, dimensionOf(parameter, options)]),
    ),
  );
  const space = withRanges({ ...rates, ...others(options) }, options.ranges ?? {});
  const valuesOf = (parameters: Parameters, prefix: string): number[] =>
    parametrisation.parameters.map(({ name }) => parameters[`${prefix}${name}`] as number);
  const number = (parameters: Parameters, name: string): number | undefined => parameters[name] as number | undefined;
  return {
    space,
    groups,
    layers,
    decode(parameters, name) {
      const list = prefixes.map((prefix) =>
        decodeDistribution(parametrisation, valuesOf(parameters, prefix), { name, layers, groups }),
      );
      const distribution = { ...list[0]!, stages: list.flatMap((each) => each.stages).map(withoutNoise) };
      return {
        distribution,
        ...optional('weightDecay', number(parameters, 'weight_decay')),
        ...optional('warmupRatio', number(parameters, 'warmup_ratio')),
        ...optional('epochs', number(parameters, 'num_train_epochs')),
        ...optional('penalty', number(parameters, 'penalty')),
      };
    },
    encode(distribution) {
      const { distribution: regrouped } = convert(distribution, { layers, groups });
      const parameters: Record<string, Parameters[string]> = {};
      let factor = 1;
      for (const [stage, prefix] of prefixes.entries()) {
        const wanted = ratesAt(regrouped, stage);
        const { values } = parametrisation.encode(wanted);
        const within = values.map((value, i) => {
          const name = `${prefix}${parametrisation.parameters[i]!.name}`;
          const clamped = clamp(value, space[name] as FloatParameter);
          parameters[name] = clamped;
          return clamped;
        });
        factor = Math.max(factor, largestFactor(wanted, parametrisation.decode(within)));
      }
      for (const [name, parameter] of Object.entries(space)) parameters[name] ??= middle(parameter);
      return { parameters: Object.fromEntries(Object.keys(space).map((name) => [name, parameters[name]!])), factor };
    },
  };
}

function dimensionOf(
  { name, low, high, log }: Parametrisation['parameters'][number],
  { rates = name === 'lr_heads' ? headRange : rateRange }: RateSpaceOptions,
): FloatParameter {
  // The names of rates begin so in every parametrisation; shapes have ranges of their own.
  const [from, to] = /^lr(_|$)/.test(name) ? rates : [low, high];
  return { kind: 'float', low: from, high: to, log };
}

function others({ weightDecay, warmupRatio, epochs, penalty }: RateSpaceOptions): Space {
  const float = ([low, high]: Range, log: boolean): Parameter => ({ kind: 'float', low, high, log });
  return {
    ...(weightDecay && { weight_decay: float(weightDecay, weightDecay[0] > 0) }),
    ...(warmupRatio && { warmup_ratio: float(warmupRatio, false) }),
    ...(epochs && { num_train_epochs: { kind: 'int', low: epochs[0], high: epochs[1] } }),
    ...(penalty && { penalty: float(penalty, true) }),
  };
}

function withRanges(space: Space, ranges: Readonly<Record<string, Range>>): Space {
  const result: Record<string, Parameter> = { ...space };
  for (const [name, [low, high]] of Object.entries(ranges)) {
    const parameter = result[name];
    if (parameter === undefined || parameter.kind === 'categorical')
      throw new LrdistError('ERR_INVALID_OPTION', `range: the space has no dimension "${name}"`, {
        remedy: `It has ${Object.keys(space).join(', ')}.`,
      });
    result[name] = { ...parameter, low, high };
  }
  for (const [name, parameter] of Object.entries(result)) {
    if (parameter.kind === 'categorical') continue;
    const { low, high, log = false } = parameter;
    const good =
      Number.isFinite(low) &&
      Number.isFinite(high) &&
      low <= high &&
      (!log || low > 0) &&
      (!/^lr/.test(name) || high <= 1);
    if (!good)
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `range: ${name}: expected low <= high${log ? ', above 0' : ''}, received ${low}:${high}`,
        {
          remedy: 'For example --range lr_head=1e-5:1e-2',
        },
      );
  }
  return result;
}

/** Logarithms and back cost the last digits: a flat 1e-5 is to be written as that. */
function withoutNoise(rates: Rates): Rates {
  return Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, Number(rate.toPrecision(12))]));
}

function clamp(value: number, { low, high }: { readonly low: number; readonly high: number }): number {
  return Math.min(Math.max(value, low), high);
}

function middle(parameter: Parameter): Parameters[string] {
  if (parameter.kind === 'categorical') return parameter.choices[0]!;
  const { low, high, log = false } = parameter;
  const value = log ? Math.sqrt(low * high) : (low + high) / 2;
  return parameter.kind === 'int' ? Math.round(value) : value;
}

function largestFactor(wanted: ArrayLike<number>, got: ArrayLike<number>): number {
  let factor = 1;
  for (let g = 0; g < wanted.length; g++) factor = Math.max(factor, wanted[g]! / got[g]!, got[g]! / wanted[g]!);
  return factor;
}

function optional<K extends string>(key: K, value: number | undefined): { readonly [P in K]?: number } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: number };
}
