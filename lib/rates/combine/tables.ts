import { LrdistError } from '../../errors.ts';
import { combineTrials, leaveOnePairOut, type Combination, type LeftOut } from '../combine.ts';
import type { RateDistribution } from '../distribution.ts';
import type { TrialTable } from '../trial-table/table.ts';
import type { ChanceFilter } from './chance.ts';
import { distributionOf } from './distribution.ts';
import { groupsOfTable, type GroupingOptions } from './groups.ts';
import { agreements, refuseMixed, type Agreement } from './mixed.ts';
import { notesOn } from './notes.ts';
import { provenanceOf, type Rule } from './provenance.ts';
import { parseScoreRule } from './score.ts';
import { collectTrials, type CollectedTrials, type RowTrial } from './trials.ts';
import { WEIGHT_BASE, type WeightOptions } from './weights.ts';

export interface CombineOptions extends WeightOptions, GroupingOptions {
  /** Name of the result. Default `combined`. */
  readonly name?: string | undefined;
  /** `objective` (default), `p_s`, `p_o` or `weighted:SHARE`, see parseScoreRule. */
  readonly score?: string | undefined;
  /** Trials of a pair with the same rates: each one a trial (`separate`, the paper's way, the default), or together one with their mean score. */
  readonly repeats?: 'separate' | 'mean' | undefined;
  /** Leave out trials at chance. Default: none is left out. */
  readonly filter?: ChanceFilter | undefined;
  /** Combine although models, protocols, groupings, splits or epochs differ. Rates in other groups are converted to those of the first table. */
  readonly allowMixed?: boolean | undefined;
  /** Versions of the programs, for the provenance. */
  readonly versions?: Readonly<Record<string, string>> | undefined;
}

export interface CombinedTables {
  readonly distribution: RateDistribution;
  readonly combination: Combination<RowTrial>;
  readonly leftOut: readonly LeftOut[];
  readonly collected: CollectedTrials;
  readonly agreements: readonly Agreement[];
  /** What a reader should know: what is unknown, assumed, left out. */
  readonly notes: readonly string[];
}

/**
 * One distribution from trial tables, with its whole provenance.
 *
 * @throws LrdistError ERR_COMBINE_MIXED, ERR_TRIAL_TABLE, ERR_INVALID_OPTION, ERR_RATES_ENCODE
 */
export async function combineTables(
  tables: readonly TrialTable[],
  options: CombineOptions = {},
): Promise<CombinedTables> {
  const score = parseScoreRule(options.score ?? 'objective');
  const filled = tables.filter(({ rows }) => rows.some(({ state }) => state === 'complete'));
  if (filled.length === 0) throw nothing(tables);
  const grouped = await Promise.all(
    filled.map(async (table) => ({ table, groups: await groupsOfTable(table, options) })),
  );
  const agreed = agreements(grouped);
  refuseMixed(agreed, options.allowMixed === true);
  const target = grouped[0]!.groups;
  // Tables without a complete row are only counted.
  const all = tables.map((table) => grouped.find((each) => each.table === table) ?? { table, groups: target });
  const { repeats = 'separate', filter, weightBase = WEIGHT_BASE, top } = options;
  const collected = collectTrials(all, target, { score, repeats, filter });
  if (collected.trials.length === 0) throw allAtChance(filter!);
  const combination = combineTrials(collected.trials, { weightBase, ...(top === undefined ? {} : { top }) });
  const leftOut = leaveOnePairOut(combination);
  const notes = notesOn({ tables, grouped, collected, agreements: agreed, combination, repeats });
  const rule: Rule = {
    weight_base: weightBase,
    top: top ?? 'all',
    score: score.name,
    scored_by: collected.kinds,
    repeats,
    filter,
  };
  const provenance = provenanceOf({
    rule,
    collected,
    agreements: agreed,
    combination,
    leftOut,
    notes,
    groups: target,
    versions: options.versions,
  });
  return {
    distribution: distributionOf(options.name ?? 'combined', target, combination.rates, provenance),
    combination,
    leftOut,
    collected,
    agreements: agreed,
    notes: [...notes.cautions, ...notes.facts],
  };
}

function nothing(tables: readonly TrialTable[]): LrdistError {
  const counts = tables.map(({ source, rows }) => `${source} (${rows.length} ${rows.length === 1 ? 'row' : 'rows'})`);
  return new LrdistError('ERR_TRIAL_TABLE', `there is no complete trial in ${counts.join(', ')}`, {
    remedy: 'Only rows with state "complete" (or, without a state, with all scores) count.',
  });
}

function allAtChance({ margin }: ChanceFilter): LrdistError {
  return new LrdistError('ERR_TRIAL_TABLE', `no complete trial is more than ${margin} above chance`, {
    remedy: 'Lower --min_above_chance, and look at the values of --chance.',
  });
}
