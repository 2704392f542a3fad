import type { BandedRates, Combination, LeftOut } from '../combine.ts';
import type { Provenance } from '../distribution.ts';
import type { ChanceFilter } from './chance.ts';
import type { TableGroups } from './groups.ts';
import type { Agreement } from './mixed.ts';
import type { Notes } from './notes.ts';
import type { CollectedTrials, RowTrial } from './trials.ts';

export interface Rule {
  readonly weight_base: number;
  readonly top: number | 'all';
  readonly score: string;
  readonly scored_by: readonly string[];
  readonly repeats: 'separate' | 'mean';
  readonly filter: ChanceFilter | undefined;
}

interface Material {
  readonly rule: Rule;
  readonly collected: CollectedTrials;
  readonly agreements: readonly Agreement[];
  readonly combination: Combination<RowTrial>;
  readonly leftOut: readonly LeftOut[];
  readonly notes: Notes;
  readonly groups: TableGroups;
  readonly versions: Readonly<Record<string, string>> | undefined;
}

/** Everything that is needed to judge the result, and to make it again from the same tables. */
export function provenanceOf(material: Material): Provenance {
  const { rule, collected, agreements, combination, leftOut, notes, groups, versions } = material;
  const named = (values: readonly number[]): Record<string, number> =>
    Object.fromEntries(groups.groups.map(({ name }, g) => [name, values[g]!]));
  const band = ({ low, high }: BandedRates): object => ({ low: named(low), high: named(high) });
  return {
    source: `trials of ${combination.pairs.map(({ pair }) => pair).join(', ')}`,
    method:
      'rank-weighted geometric mean of the trials of each pair, then geometric mean over the pairs (arXiv 2404.01317)',
    ...(notes.cautions.length === 0 ? {} : { caution: notes.cautions.join('; ') }),
    rule: {
      weights:
        'weight_base^-rank in each pair, rank 0 = highest score; tied trials share the mean weight of their ranks',
      weight_base: rule.weight_base,
      top: rule.top,
      score: rule.score,
      scored_by: rule.scored_by,
      repeats: rule.repeats,
      min_above_chance: rule.filter === undefined ? null : rule.filter,
    },
    trials: Object.fromEntries(agreements.map(({ name, values, unknown }) => [name, agreedValue(values, unknown)])),
    inputs: collected.counts,
    pairs: combination.pairs.map((pair) => ({
      pair: pair.pair,
      trials: pair.trials,
      effective_trials: pair.effective,
      best: bestOf(pair.best, named),
      rates: named(pair.rates),
      ...band(pair),
    })),
    band: {
      means: `one standard deviation of the logarithms of the rates over the ${combination.spread}`,
      ...band(combination),
    },
    without_pair: leftOut.map(({ pair, rates, error }) => ({
      pair,
      rates: named(rates),
      factor_in_the_mean: Math.exp(error.rms),
      factor_at_most: Math.exp(error.max),
    })),
    ...(versions === undefined ? {} : { versions }),
  };
}

function bestOf({ score, rates, row, seeds, where }: RowTrial, named: (values: readonly number[]) => object): object {
  // Where several rows are one trial, the scores of the first would not be its own.
  const scores = seeds === 1 ? row.scores : { seeds };
  return { ranked_by: score, ...scores, where, rates: named(rates) };
}

function agreedValue(values: Agreement['values'], unknown: number): string | readonly string[] {
  const known = values.map(({ value }) => value);
  const all = unknown > 0 ? [...known, 'unknown'] : known;
  return all.length === 1 ? all[0]! : all;
}
