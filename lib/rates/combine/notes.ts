import type { Combination } from '../combine.ts';
import type { TrialTable } from '../trial-table/table.ts';
import { differenceText, labelOf, type Agreement, type GroupedTable } from './mixed.ts';
import type { CollectedTrials } from './trials.ts';

export interface Notes {
  /** What weakens the result: kept in its provenance. */
  readonly cautions: readonly string[];
  readonly facts: readonly string[];
}

interface Material {
  readonly tables: readonly TrialTable[];
  readonly grouped: readonly GroupedTable[];
  readonly collected: CollectedTrials;
  readonly agreements: readonly Agreement[];
  readonly combination: Combination;
  readonly repeats: 'separate' | 'mean';
}

/** What a reader of the result should know, in sentences without a full stop. */
export function notesOn({ tables, grouped, collected, agreements, combination, repeats }: Material): Notes {
  const mixed = agreements.filter(({ values }) => values.length > 1).map((each) => `mixed ${differenceText(each)}`);
  const unknown = agreements.filter((each) => each.unknown > 0);
  const single =
    combination.pairs.length === 1
      ? [`only one pair (${combination.pairs[0]!.pair}): nothing says that other pairs agree`]
      : [];
  return {
    cautions: [...mixed, ...unknownText(unknown), ...single, ...assumedText(grouped)],
    facts: [
      ...leftOutText(collected),
      ...emptyPairs(tables, combination),
      ...repeatText(collected, repeats),
      ...doubledText(tables),
      ...unusedText(tables),
    ],
  };
}

function unknownText(unknown: readonly Agreement[]): string[] {
  return unknown.length === 0
    ? []
    : [
        `unknown, so that mixtures would not be seen: ${unknown.map((each) => `${each.name} of ${rowsText(each.unknown)}`).join(', ')}`,
      ];
}

/** What was taken for granted, in one sentence for all tables of which the same was. */
function assumedText(grouped: readonly GroupedTable[]): string[] {
  const sourcesOf = new Map<string, string[]>();
  for (const { table, groups } of grouped) {
    const texts = {
      layers: `the number of layers is not said and taken for ${groups.layers} (--layers)`,
      grouping: `what the rates are of is not said and taken for ${labelOf(groups)} (--grouping)`,
    };
    for (const each of groups.assumed)
      sourcesOf.set(texts[each], [...(sourcesOf.get(texts[each]) ?? []), table.source]);
  }
  return Array.from(sourcesOf, ([text, sources]) => `${text}: ${sources.join(', ')}`);
}

/** Pairs that were tried and have no trial that counts. */
function emptyPairs(tables: readonly TrialTable[], { pairs }: Combination): string[] {
  const tried = new Set(tables.flatMap(({ rows }) => rows.map(({ pair }) => pair)));
  for (const { pair } of pairs) tried.delete(pair);
  return Array.from(tried, (pair) => `no trial of ${pair} counts, so it is left out`);
}

/** `a.csv: 3 of 50 rows left out (2 pruned, 1 failed)` */
function leftOutText({ counts }: CollectedTrials): string[] {
  return counts.flatMap(({ source, rows, used, left_out }) => {
    const reasons = Object.entries(left_out).map(([reason, count]) => `${count} ${reason.replace('_', ' ')}`);
    return reasons.length === 0
      ? []
      : [`${source}: ${rows - used} of ${rowsText(rows)} left out (${reasons.join(', ')})`];
  });
}

function repeatText({ repeated }: CollectedTrials, repeats: 'separate' | 'mean'): string[] {
  if (repeated === 0) return [];
  return repeats === 'mean'
    ? [`${rowsText(repeated)} with the rates of another of the pair: their scores are averaged`]
    : [
        `${rowsText(repeated)} with the rates of another of the pair, each with a rank of its own (--repeats mean makes them one)`,
      ];
}

function doubledText(tables: readonly TrialTable[]): string[] {
  return tables.flatMap(({ source, sha256 }, i) => {
    const earlier = sha256 === undefined ? undefined : tables.slice(0, i).find((other) => other.sha256 === sha256);
    return earlier === undefined ? [] : [`${source} and ${earlier.source} are the same file: all their rows count`];
  });
}

function unusedText(tables: readonly TrialTable[]): string[] {
  return tables.flatMap(({ source, unused }) =>
    unused.length === 0 ? [] : [`columns of ${source} not used: ${unused.join(', ')}`],
  );
}

function rowsText(count: number): string {
  return `${count} ${count === 1 ? 'row' : 'rows'}`;
}
