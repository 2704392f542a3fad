/** The table of baselines from the records of single pairs and seeds. */
import { chanceNormalised } from '../../lib/metrics/glue.ts';
import type { SequenceRecord, SequenceRunRecord, SequenceScoreName } from '../../lib/report/sequence-record.ts';
import { type Interval, pairedDifference, spread, type Spread } from '../../lib/report/spread.ts';
import { summarizeSequence } from '../../lib/forgetting/sequence-summary.ts';

const told = ['p_o', 'p_s', 'normalised_ACC', 'forgetting'] as const satisfies readonly SequenceScoreName[];
type Told = (typeof told)[number];

export interface PairResult {
  readonly tasks: readonly string[];
  readonly summary: ReturnType<typeof summarizeSequence>;
  /** Each task alone, by distribution: chance-normalised, so that 0 is guessing. */
  readonly learned: readonly {
    readonly task: string;
    readonly metric: string;
    readonly byRate: Readonly<Record<string, Spread>>;
  }[];
}

export interface Comparison {
  readonly headline: string;
  readonly model: string;
  readonly seeds: readonly number[];
  readonly settings: unknown;
  readonly penalties: SequenceRecord['penalties'];
  readonly pairs: readonly PairResult[];
  /** Over all pairs and seeds: each pair and seed is one unit. */
  readonly overall: readonly {
    readonly combination: string;
    readonly scores: Readonly<Record<Told, Spread>>;
    readonly difference?: Readonly<Record<Told, Interval>>;
  }[];
  readonly notes: readonly string[];
}

/** @throws Error if the records were not made alike, or a pair lacks a seed */
export function compareBaselines(records: readonly SequenceRecord[]): Comparison {
  const [first] = records;
  if (first === undefined) throw new Error('there are no records in the folder');
  const settingsOf = ({
    model,
    training,
    combinations,
    fisher,
    first_stage,
    split,
    tasks,
  }: SequenceRecord): unknown => ({
    model,
    training,
    combinations: combinations.map(({ name }) => name),
    fisher,
    first_stage,
    split,
    train_rows: tasks.map(({ train_rows }) => train_rows),
  });
  const odd = records.find((record) => JSON.stringify(settingsOf(record)) !== JSON.stringify(settingsOf(first)));
  if (odd !== undefined)
    throw new Error(
      `the records of ${odd.tasks.map(({ task }) => task).join(':')} were made with other settings: use one folder for one comparison`,
    );
  const names = first.combinations.map(({ name }) => name);
  const groups = new Map<string, SequenceRecord[]>();
  for (const record of records) {
    const pair = record.tasks.map(({ task }) => task).join(':');
    groups.set(pair, [...(groups.get(pair) ?? []), record]);
  }
  const seeds = [...new Set(records.flatMap((record) => record.seeds))].sort((a, b) => a - b);
  const partial = [...groups].filter(([, list]) => list.length < seeds.length).map(([pair]) => pair);
  const pairs = [...groups.values()].map((list) => pairOf(list, names));
  const runs = records.flatMap((record) => record.runs);
  const overall = overallOf(names, runs);
  return {
    headline: headline(overall, pairs.length, seeds.length),
    model: first.model,
    seeds,
    settings: settingsOf(first),
    penalties: first.penalties,
    pairs,
    overall,
    notes: [
      ...new Set([
        ...partial.map((pair) => `${pair} has not all seeds yet.`),
        ...pairs.flatMap(({ tasks, learned }) =>
          learned
            .filter(({ byRate }) => Object.values(byRate).every(({ mean }) => mean < 0.1))
            .map(({ task }) => `${tasks.join(' -> ')}: ${task} is hardly learned even alone.`),
        ),
      ]),
    ],
  };
}

function pairOf(records: readonly SequenceRecord[], names: readonly string[]): PairResult {
  const { tasks, distributions } = records[0]!;
  const learned = tasks.map(({ task, metric, chance }, t) => ({
    task,
    metric,
    byRate: Object.fromEntries(
      distributions.map(({ name }) => [
        name,
        spread(
          records.flatMap(({ alone = [] }) =>
            alone
              .filter(({ distribution }) => distribution === name)
              .map(({ scores }) => chanceNormalised(scores[t] ?? NaN, chance)),
          ),
        ),
      ]),
    ),
  }));
  return {
    tasks: tasks.map(({ task }) => task),
    learned,
    summary: summarizeSequence(
      names,
      records.flatMap(({ runs }) => runs),
    ),
  };
}

function overallOf(names: readonly string[], runs: readonly SequenceRunRecord[]): Comparison['overall'] {
  const values = (name: string, score: Told): number[] =>
    runs.filter(({ combination }) => combination === name).map(({ scores }) => scores[score] ?? NaN);
  const by = <V>(value: (score: Told) => V): Record<Told, V> =>
    Object.fromEntries(told.map((score) => [score, value(score)])) as Record<Told, V>;
  return names.map((combination, i) => ({
    combination,
    scores: by((score) => spread(values(combination, score))),
    ...(i === 0
      ? {}
      : { difference: by((score) => pairedDifference(values(combination, score), values(names[0]!, score))) }),
  }));
}

function headline(overall: Comparison['overall'], pairs: number, seeds: number): string {
  const [reference, ...others] = overall;
  const better = others
    .filter(({ difference }) => (difference!.normalised_ACC.low ?? -1) > 0)
    .sort((a, b) => b.difference!.normalised_ACC.mean - a.difference!.normalised_ACC.mean);
  const best = better
    .slice(0, 3)
    .map(({ combination, difference }) => `${combination} ${interval(difference!.normalised_ACC)}`)
    .join(', ');
  return `${pairs} pairs, ${seeds} seeds; mean of both tasks at the end (chance 0) against ${reference!.combination}: ${best === '' ? 'no combination is better' : best}`;
}

/** As Markdown. */
export function baselineTable(result: Comparison): string {
  const lines = [
    `# Baselines with flat rates, ${result.model}`,
    '',
    `Keep mode: one first stage for each pair and seed, shared by all. Points (hundredths); seeds ${result.seeds.join(', ')}. Differences are to ${result.overall[0]!.combination}, paired by seed, with 95 % intervals. p_o: first task at the end; p_s: second task; "both": mean of the two with guessing at 0 and perfection at 100.`,
    '',
    '## Can the tasks be learned?',
    '',
    'Each task alone, guessing at 0 and perfection at 100.',
    '',
    ...learnability(result.pairs),
    '',
    `## Over all ${result.pairs.length} pairs`,
    '',
    'Every pair and seed is one unit of the intervals. Those of one pair are alike, so the intervals are narrower than those for new pairs would be: read them beside the tables of the single pairs.',
    '',
    ...rows(result.overall),
    ...result.pairs.flatMap(({ tasks, summary }) => ['', `## ${tasks.join(', then ')}`, '', ...rows(summary)]),
    '',
    ...result.notes.map((note) => `- ${note}`),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function learnability(pairs: readonly PairResult[]): string[] {
  const tasks = new Map(pairs.flatMap(({ learned }) => learned.map((each) => [each.task, each] as const)));
  const rates = Object.keys([...tasks.values()][0]!.byRate);
  return [
    `| task | metric | ${rates.join(' | ')} |`,
    `| --- | --- | ${rates.map(() => '---:').join(' | ')} |`,
    ...[...tasks.values()].map(
      ({ task, metric, byRate }) => `| ${task} | ${metric} | ${rates.map((rate) => mean(byRate[rate]!)).join(' | ')} |`,
    ),
  ];
}

interface Row {
  readonly combination: string;
  readonly scores: Readonly<Partial<Record<SequenceScoreName, Spread>>>;
  readonly difference?: Readonly<Partial<Record<SequenceScoreName, Interval>>>;
}

function rows(list: readonly Row[]): string[] {
  return [
    '| combination | p_o | p_s | both | forgetting | Δ p_o | Δ p_s | Δ both |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...list.map(({ combination, scores, difference }) => {
      const differences = (['p_o', 'p_s', 'normalised_ACC'] as const).map((name) =>
        difference === undefined ? '' : interval(difference[name]!),
      );
      return `| ${combination} | ${told.map((name) => mean(scores[name]!)).join(' | ')} | ${differences.join(' | ')} |`;
    }),
  ];
}

function mean({ mean: value, sd }: Spread): string {
  if (!Number.isFinite(value)) return '-';
  return `${(100 * value).toFixed(1)}${sd === null ? '' : ` ± ${(100 * sd).toFixed(1)}`}`;
}

function interval({ mean: value, low, high }: Interval): string {
  if (!Number.isFinite(value)) return '-';
  const signed = (share: number): string => `${share < 0 ? '−' : '+'}${Math.abs(100 * share).toFixed(1)}`;
  return low === null || high === null ? signed(value) : `${signed(value)} [${signed(low)}, ${signed(high)}]`;
}
