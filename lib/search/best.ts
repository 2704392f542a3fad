import jStat from 'jstat';
import { mean, sampleStandardDeviation } from 'simple-statistics';
import { LrdistError } from '../errors.ts';
import { nonDominatedSort, toLosses } from './pareto.ts';
import type { Direction } from './space.ts';
import type { Trial } from './trial.ts';

/** Scores of one candidate over repetitions, by seed: `{ '1': 0.81, '2': 0.79 }`, or a list whose places are the seeds. */
export type BySeed = Readonly<Record<string, number>> | readonly number[];

export interface Finalist {
  /** Number of the trial, or what else names it. */
  readonly trial: number | string;
  readonly scores: BySeed;
}

export interface ChooseOptions {
  readonly direction: Direction;
  /** What a finalist has to beat, on the same seeds: the tuned flat rate, in a search of rates. */
  readonly reference: BySeed;
  /** Of the two-sided interval. Default 0.95. */
  readonly level?: number;
  /** Seeds that a finalist must share with the reference to be chosen. Default 3. */
  readonly minSeeds?: number;
}

export interface Judged {
  readonly trial: number | string;
  /** Seeds with a score of the finalist and of the reference. */
  readonly seeds: number;
  /** Mean over these seeds of its score less the reference's; NaN without any. */
  readonly difference: number;
  /** Student's t interval of that mean; NaN with fewer than two seeds. */
  readonly low: number;
  readonly high: number;
}

export interface Choice {
  /** From best to worst. */
  readonly ranking: readonly Judged[];
  /** The first of them, if it has seeds enough. */
  readonly best: Judged | undefined;
  /** Whether its interval lies beyond 0 on the good side. If not, nothing is shown to be better than the reference. */
  readonly better: boolean;
}

/**
 * Which of several finalists to take after each was repeated under the seeds of a reference. The rule: differences to the reference are paired by seed; finalists are ordered by the bound of the t interval of
 * their mean difference that is nearer to "no better" (maximising, the lower one); those with fewer than `minSeeds` seeds come after all others, by their mean, and are not chosen. A single lucky seed makes an
 * interval wide, and so does not win.
 *
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function chooseBest(finalists: readonly Finalist[], options: ChooseOptions): Choice {
  const { direction, reference, level = 0.95, minSeeds = 3 } = options;
  if (!(level > 0 && level < 1)) throw invalid(`level: expected a number between 0 and 1, received ${level}`);
  if (!(Number.isInteger(minSeeds) && minSeeds >= 2))
    throw invalid(`minSeeds: expected an integer from 2, received ${minSeeds}`);
  const sign = direction === 'maximize' ? 1 : -1;
  const judged = finalists.map(({ trial, scores }) => ({
    trial,
    ...interval(pairedDifferences(scores, reference), level),
  }));
  const caution = ({ low, high }: Judged) => (sign > 0 ? low : -high);
  const enough = judged.filter(({ seeds }) => seeds >= minSeeds).sort((a, b) => caution(b) - caution(a));
  const few = judged
    .filter(({ seeds }) => seeds < minSeeds)
    .sort((a, b) => order(sign * b.difference) - order(sign * a.difference));
  const best = enough[0];
  return { ranking: [...enough, ...few], best, better: best !== undefined && caution(best) > 0 };
}

/** Mean with Student's t interval; with equal values the interval is that value. */
function interval(values: readonly number[], level: number): Omit<Judged, 'trial'> {
  const seeds = values.length;
  if (seeds < 2) return { seeds, difference: seeds === 0 ? NaN : values[0]!, low: NaN, high: NaN };
  const difference = mean([...values]);
  const error = sampleStandardDeviation([...values]) / Math.sqrt(seeds);
  const half = jStat.studentt.inv((1 + level) / 2, seeds - 1) * error;
  return { seeds, difference, low: difference - half, high: difference + half };
}

function pairedDifferences(scores: BySeed, reference: BySeed): number[] {
  const other = new Map(Object.entries(reference));
  return Object.entries(scores)
    .map(([seed, score]) => score - (other.get(seed) ?? NaN))
    .filter(Number.isFinite);
}

/** Without a mean: last. */
function order(value: number): number {
  return Number.isNaN(value) ? -Infinity : value;
}

/**
 * Scores by seed from a trial's attributes, as an objective left them there: a list, or an object by seed. What is not a number is left out.
 *
 * @returns undefined if the trial has no such attribute
 */
export function scoresBySeed({ attributes }: Pick<Trial, 'attributes'>, name: string): BySeed | undefined {
  const found = attributes[name];
  if (typeof found !== 'object' || found === null) return undefined;
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}

export interface KeepOptions {
  /** What is left, such as `p_o`. */
  readonly kept: BySeed;
  /** Of what, such as `before`. */
  readonly of: BySeed;
  /** This share of it, at least. */
  readonly share: number;
}

/** Whether, in the mean over the seeds that both have, enough is kept: `kept >= share × of`. Without a common seed it is not. */
export function keepsShare({ kept, of, share }: KeepOptions): boolean {
  const whole = Object.fromEntries(Object.entries(of).map(([seed, value]) => [seed, share * value]));
  const differences = pairedDifferences(kept, whole);
  return differences.length > 0 && mean(differences) >= 0;
}

/** The trials that are complete, keep all their constraints and are dominated by none; in the order given. */
export function paretoFront<T extends Pick<Trial, 'state' | 'values' | 'constraints'>>(
  trials: readonly T[],
  directions: readonly Direction[],
): readonly T[] {
  const eligible = trials.filter(
    ({ state, values, constraints }) =>
      state === 'complete' && values !== null && (constraints ?? []).every((value) => value <= 0),
  );
  const front = nonDominatedSort(eligible.map(({ values }) => toLosses(values!, directions)))[0] ?? [];
  return front.map((i) => eligible[i]!);
}

function invalid(message: string): LrdistError {
  return new LrdistError('ERR_INVALID_OPTION', message);
}
