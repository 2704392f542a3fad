import { LrdistError } from '../../errors.ts';
import type { ScoredTrial } from '../combine.ts';
import { convert } from '../regroup.ts';
import type { TrialRow, TrialRowState } from '../trial-table/table.ts';
import { aboveChance, type ChanceFilter } from './chance.ts';
import type { TableGroups } from './groups.ts';
import { sameGroups, type GroupedTable } from './mixed.ts';
import type { ScoreRule } from './score.ts';

export interface TrialRules {
  readonly score: ScoreRule;
  /** `mean`: trials of a pair with the same rates (other seeds) count as one, with their mean score. */
  readonly repeats: 'separate' | 'mean';
  readonly filter: ChanceFilter | undefined;
}

/** What became of the rows of a table. */
export interface RowCounts {
  readonly source: string;
  readonly sha256: string | undefined;
  readonly rows: number;
  readonly used: number;
  /** Rows that do not count, by state, and those at chance. */
  readonly left_out: Readonly<Partial<Record<Exclude<TrialRowState, 'complete'> | 'at_chance', number>>>;
}

/** A trial with the row that it comes from. */
export interface RowTrial extends ScoredTrial {
  readonly row: TrialRow;
  /** Rows that it is the mean of. */
  readonly seeds: number;
}

export interface CollectedTrials {
  /** Rates in the groups of the first table. */
  readonly trials: readonly RowTrial[];
  readonly counts: readonly RowCounts[];
  /** What the score is: `p_s + p_o`, `score`, ... */
  readonly kinds: readonly string[];
  /** Complete rows with the same rates as an earlier one of their pair. */
  readonly repeated: number;
}

/**
 * The trials that count, in the groups of `target`; rates in other groups are converted.
 *
 * @throws LrdistError ERR_TRIAL_TABLE for a row without the score that is asked for, ERR_COMBINE_MIXED for a pair with two kinds of score,
 *   ERR_RATES_ENCODE for rates that cannot be written in the target's groups, ERR_INVALID_OPTION as aboveChance
 */
export function collectTrials(
  tables: readonly GroupedTable[],
  target: TableGroups,
  rules: TrialRules,
): CollectedTrials {
  const kindOf = new Map<string, { kind: string; where: string }>();
  const all: RowTrial[] = [];
  const counts = tables.map(({ table, groups }) => {
    const left: Partial<Record<string, number>> = {};
    let used = 0;
    for (const row of table.rows) {
      const reason = row.state !== 'complete' ? row.state : isAtChance(row, rules.filter) ? 'at_chance' : undefined;
      if (reason !== undefined) {
        left[reason] = (left[reason] ?? 0) + 1;
        continue;
      }
      const { value, kind } = scoreOf(row, rules.score);
      const first = kindOf.get(row.pair) ?? { kind, where: row.where };
      if (first.kind !== kind) throw twoKinds(row, kind, first);
      kindOf.set(row.pair, first);
      const rates = ratesOf(row, groups, target);
      all.push({ pair: row.pair, rates, score: value, where: row.where, row, seeds: 1 });
      used++;
    }
    return { source: table.source, sha256: table.sha256, rows: table.rows.length, used, left_out: left };
  });
  const once = mergeRepeats(all);
  return {
    trials: rules.repeats === 'mean' ? once : all,
    counts,
    kinds: [...new Set(Array.from(kindOf.values(), ({ kind }) => kind))],
    repeated: all.length - once.length,
  };
}

function isAtChance(row: TrialRow, filter: ChanceFilter | undefined): boolean {
  return filter !== undefined && !aboveChance(row, filter);
}

function scoreOf({ scores, where }: TrialRow, rule: ScoreRule): { value: number; kind: string } {
  const found = rule.of(scores);
  if (found !== undefined) return found;
  const has = (['p_s', 'p_o', 'score'] as const).filter((name) => scores[name] !== undefined);
  throw new LrdistError(
    'ERR_TRIAL_TABLE',
    `${where}: it has ${has.join(' and ')}, which is not what ${rule.name === 'objective' ? 'p_s + p_o' : rule.name} needs`,
    { remedy: `Rank by what there is: --score ${has.find((name) => name !== 'score') ?? 'objective'}.` },
  );
}

function twoKinds({ pair, where }: TrialRow, kind: string, first: { kind: string; where: string }): LrdistError {
  return new LrdistError(
    'ERR_COMBINE_MIXED',
    `trials of ${pair} are scored by ${first.kind} (${first.where}) and by ${kind} (${where}), which cannot be ranked together`,
    { remedy: 'Rank by scores that all of them have: --score p_s, p_o or weighted:0.5.' },
  );
}

function ratesOf({ rates, where }: TrialRow, own: TableGroups, target: TableGroups): readonly number[] {
  const ordered = own.order.map((column) => rates![column]!);
  if (sameGroups(own, target)) return ordered;
  const stage = Object.fromEntries(own.groups.map(({ name }, g) => [name, ordered[g]!]));
  const written = { name: where, layers: own.layers, groups: own.groups, stages: [stage], provenance: {} };
  const [converted] = convert(written, { layers: target.layers, groups: target.groups }).distribution.stages;
  return target.groups.map(({ name }) => converted![name]!);
}

/** One trial for each pair and set of rates, with the mean of the scores. */
function mergeRepeats(trials: readonly RowTrial[]): RowTrial[] {
  const same = new Map<string, RowTrial[]>();
  for (const trial of trials) {
    const key = JSON.stringify([trial.pair, trial.rates]);
    const list = same.get(key);
    if (list === undefined) same.set(key, [trial]);
    else list.push(trial);
  }
  return Array.from(same.values(), (list) => ({ ...list[0]!, score: meanOf(list), seeds: list.length }));
}

function meanOf(list: readonly RowTrial[]): number {
  // Sorted, so that the order of the rows changes no bit.
  const scores = list.map(({ score }) => score).sort((a, b) => a - b);
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}
