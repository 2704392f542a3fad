import { allGroups } from './depth.ts';
import type { GroupSpec } from './groups.ts';
import type { Phase } from './phases.ts';

/** Learning rate of each group, by group name. 0 = the group is frozen. */
export type Rates = Readonly<Record<string, number>>;

/** Where a distribution comes from: free JSON, kept in files and reports. */
export type Provenance = Readonly<Record<string, unknown>>;

/** A learning rate for each part of a network: named groups of parameters, and a rate for each. */
export interface RateDistribution {
  readonly name: string;
  /** Encoder layers of the models that the groups are written for. */
  readonly layers: number;
  readonly groups: readonly GroupSpec[];
  /** Rates by stage, at least one; a stage beyond the last uses the last. */
  readonly stages: readonly Rates[];
  /** The level of the shape: the rate that a multiplier of 1 stands for. Absent where the rates have no common level. */
  readonly base?: number;
  /** How rates change within a stage; absent where they do not. Ascending, the first at 0. */
  readonly phases?: readonly Phase[];
  readonly provenance: Provenance;
}

/** Rates above this are refused: far beyond anything Adam can use, so surely a slip. */
export const MAX_RATE = 1;

/** One rate for everything. `layers` only says what a written file claims; the group matches any model. */
export function flat(rate: number, layers = 12): RateDistribution {
  return {
    name: `flat@${formatRate(rate)}`,
    layers,
    groups: allGroups(),
    stages: [{ all: rate }],
    base: rate,
    provenance: { preset: 'flat', base: rate },
  };
}

/** Rates of one stage in the order of the groups, length `groups.length`. */
export function ratesAt(distribution: RateDistribution, stage = 0): Float64Array {
  const rates = distribution.stages[Math.min(stage, distribution.stages.length - 1)]!;
  return Float64Array.from(distribution.groups, (group) => rates[group.name]!);
}

/**
 * The one rate that stands for the distribution where a single number is asked for, as for a schedule's absolute end rate:
 * its base, else its largest rate in that stage.
 */
export function referenceRate(distribution: RateDistribution, stage = 0): number {
  return distribution.base ?? Math.max(...ratesAt(distribution, stage));
}

/** The same shape at another base. Needs a distribution with a base; a rate equal to it becomes exactly the new one. */
export function withBase(distribution: RateDistribution & { readonly base: number }, base: number): RateDistribution {
  const scale = (rates: Rates): Rates =>
    Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, (rate / distribution.base) * base]));
  return {
    ...distribution,
    name: `${distribution.name.replace(/@[^@]*$/, '')}@${formatRate(base)}`,
    stages: distribution.stages.map(scale),
    base,
    provenance: { ...distribution.provenance, base },
  };
}

/** Shortest exact decimal form, with an exponent where that is how rates are written: `2e-5`, `0.001`. */
export function formatRate(rate: number): string {
  return rate !== 0 && Math.abs(rate) < 1e-3 ? rate.toExponential() : String(rate);
}
