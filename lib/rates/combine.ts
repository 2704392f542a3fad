/**
 * One distribution from the trials of many task pairs, by the rule of Kenneweg, Schulz, Schröder and Hammer (arXiv 2404.01317) as in the authors' code:
 * within a pair a weighted geometric mean with weights base^-rank, over the pairs a geometric mean in which every pair weighs the same.
 */
import { LrdistError } from '../errors.ts';
import { geometricMean, type Mean } from './combine/mean.ts';
import { checkWeightOptions, effectiveCount, rankWeights, type WeightOptions } from './combine/weights.ts';
import { MAX_RATE } from './distribution.ts';
import { logErrorOf, type LogError } from './log-error.ts';

/** A finished trial: rates that were tried on a task pair, and what they scored. */
export interface ScoredTrial {
  readonly pair: string;
  /** [groups], the same groups in all trials; 0 = frozen. */
  readonly rates: readonly number[];
  /** Higher is better. Compared within the pair only. */
  readonly score: number;
  /** Where it is written, for errors: `a.csv:12`. */
  readonly where?: string;
}

/** Rates of all groups, each with a band of one standard deviation of the logarithms. */
export interface BandedRates {
  /** [groups] */
  readonly rates: readonly number[];
  /** [groups] */
  readonly low: readonly number[];
  /** [groups] */
  readonly high: readonly number[];
}

/** The weighted mean of a pair's trials, and the spread of those trials. */
export interface PairCombination<T extends ScoredTrial = ScoredTrial> extends BandedRates {
  readonly pair: string;
  readonly trials: number;
  /** Number of equally weighted trials that would vary as little. */
  readonly effective: number;
  /** One of the trials that were given. */
  readonly best: T;
}

/** The mean of the pairs, and their spread; of a single pair, the spread of its trials. */
export interface Combination<T extends ScoredTrial = ScoredTrial> extends BandedRates {
  readonly spread: 'pairs' | 'trials';
  /** By name. */
  readonly pairs: readonly PairCombination<T>[];
}

/** What the result would be without one of the pairs. */
export interface LeftOut {
  readonly pair: string;
  /** [groups] */
  readonly rates: readonly number[];
  /** From the whole result, every group with the same weight. */
  readonly error: LogError;
}

/**
 * Combines finished trials. The order of the trials and of the pairs changes no bit of the result. A group that every trial freezes stays frozen.
 *
 * @throws LrdistError ERR_INVALID_OPTION (no trials, rates of different lengths, non-finite numbers, options), ERR_COMBINE_MIXED if some trials freeze
 *   a group and others train it, since 0 has no logarithm
 */
export function combineTrials<T extends ScoredTrial>(
  trials: readonly T[],
  options: WeightOptions = {},
): Combination<T> {
  checkWeightOptions(options);
  checkTrials(trials);
  const names = [...new Set(trials.map(({ pair }) => pair))].sort(byCodeUnits);
  const counted = names.map((name) =>
    weigh(
      trials.filter(({ pair }) => pair === name),
      options,
    ),
  );
  refuseHalfFrozen(counted.flatMap(({ trials: list }) => list));
  const pairs = counted.map(combinePair);
  const [first] = pairs;
  if (pairs.length === 1) return { ...bandOf(first!), spread: 'trials', pairs };
  return { ...banded(groupsOf(pairs).map((rates) => geometricMean(rates))), spread: 'pairs', pairs };
}

/** How much the result hangs on each pair. Empty with fewer than two pairs. */
export function leaveOnePairOut({ rates, pairs }: Combination): LeftOut[] {
  if (pairs.length < 2) return [];
  return pairs.map(({ pair }) => {
    const others = pairs.filter((each) => each.pair !== pair);
    const without = groupsOf(others).map((list) => geometricMean(list).rate);
    return { pair, rates: without, error: logErrorOf(rates, without) };
  });
}

interface WeightedTrials<T> {
  /** Those that weigh something, best first. */
  readonly trials: readonly T[];
  readonly weights: readonly number[];
  /** All of the pair. */
  readonly count: number;
}

function weigh<T extends ScoredTrial>(all: readonly T[], options: WeightOptions): WeightedTrials<T> {
  // One order for the same trials, whatever order they came in: sums of floating-point numbers depend on it.
  const sorted = [...all].sort((a, b) => b.score - a.score || byRates(a.rates, b.rates));
  const weights = rankWeights(
    sorted.map(({ score }) => score),
    options,
  );
  const used = weights.flatMap((weight, i) => (weight > 0 ? [i] : []));
  return { trials: used.map((i) => sorted[i]!), weights: used.map((i) => weights[i]!), count: all.length };
}

function combinePair<T extends ScoredTrial>({ trials, weights, count }: WeightedTrials<T>): PairCombination<T> {
  const [best] = trials;
  const means = groupsOf(trials).map((rates) => geometricMean(rates, weights));
  return { pair: best!.pair, ...banded(means), trials: count, effective: effectiveCount(weights), best: best! };
}

/** From rates by trial to rates by group. */
function groupsOf(list: readonly { readonly rates: readonly number[] }[]): number[][] {
  return list[0]!.rates.map((_, group) => list.map(({ rates }) => rates[group]!));
}

function banded(means: readonly Mean[]): BandedRates {
  return {
    rates: means.map(({ rate }) => rate),
    low: means.map(({ low }) => low),
    high: means.map(({ high }) => high),
  };
}

function bandOf({ rates, low, high }: BandedRates): BandedRates {
  return { rates, low, high };
}

function checkTrials(trials: readonly ScoredTrial[]): void {
  const refuse = (trial: ScoredTrial, text: string): LrdistError =>
    new LrdistError('ERR_INVALID_OPTION', `${trial.where ?? `a trial of ${trial.pair}`}: ${text}`);
  const [first] = trials;
  if (first === undefined) throw new LrdistError('ERR_INVALID_OPTION', 'there are no finished trials to combine');
  if (first.rates.length === 0) throw refuse(first, 'it has no rates');
  for (const trial of trials) {
    if (trial.rates.length !== first.rates.length)
      throw refuse(trial, `expected rates of ${first.rates.length} groups, received ${trial.rates.length}`);
    if (!Number.isFinite(trial.score)) throw refuse(trial, `expected a finite score, received ${trial.score}`);
    const wrong = trial.rates.find((rate) => !(rate >= 0 && rate <= MAX_RATE));
    if (wrong !== undefined) throw refuse(trial, `expected rates from 0 to ${MAX_RATE}, received ${wrong}`);
  }
}

function refuseHalfFrozen(trials: readonly ScoredTrial[]): void {
  const name = ({ where, pair }: ScoredTrial): string => (where === undefined ? pair : `${where} (${pair})`);
  for (let group = 0; group < trials[0]!.rates.length; group++) {
    const frozen = trials.find(({ rates }) => rates[group] === 0);
    const learning = trials.find(({ rates }) => rates[group] !== 0);
    if (frozen === undefined || learning === undefined) continue;
    throw new LrdistError(
      'ERR_COMBINE_MIXED',
      `group ${group + 1} of ${trials[0]!.rates.length} is frozen (rate 0) in ${name(frozen)} and learns in ${name(learning)}: a rate of 0 has no geometric mean with others`,
      { remedy: 'Leave out the trials that freeze the group, or combine them by themselves.' },
    );
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byRates(a: readonly number[], b: readonly number[]): number {
  const group = a.findIndex((rate, i) => rate !== b[i]);
  return group === -1 ? 0 : a[group]! - b[group]!;
}
