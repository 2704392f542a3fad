/** A sequence record as text. */
import { alignColumns } from '../rates/table.ts';
import { measuresTable } from './measures.ts';
import type { MeasuresRecord } from './measures-record.ts';
import type { SequenceRecord, SequenceRunRecord, SequenceScoreName } from './sequence-record.ts';
import { intervalText, points, spreadText } from './shift.ts';
import { spread } from './spread.ts';

/** What two tasks are told by, and what more are. */
const pairColumns = ['before', 'p_s', 'p_o', 'forgetting', 'objective'] as const;
const longColumns = ['ACC', 'BWT', 'FWT', 'forgetting', 'intransigence', 'normalised_ACC'] as const;

/** Scores and paired differences in points (hundredths), for longer sequences the mean matrix of each combination, then the notes. */
export function sequenceTable(record: SequenceRecord): string {
  const { summary, notes, tasks } = record;
  const columns = columnsOf(record);
  const right = ['', ...columns].map((name) => name !== '');
  const names = ['combination', ...columns.map((name) => name.replace('_', ' '))];
  const scores = summary.map(({ combination, scores: row }) => [
    combination,
    ...columns.map((name) => (row[name] === undefined ? '-' : spreadText(row[name]))),
  ]);
  const differences = summary.flatMap(({ combination, difference }) =>
    difference === undefined
      ? []
      : [
          [
            combination,
            ...columns.map((name) => (difference[name] === undefined ? '-' : intervalText(difference[name]))),
          ],
        ],
  );
  const parts = [heading(record), alignColumns([names, ...scores], right)];
  if (differences.length > 0) {
    const units = record.seeds.length * record.orders.length;
    const paired =
      units > 1
        ? `, paired by ${record.orders.length > 1 ? 'seed and order' : 'seed'}, with the 95 % interval of its mean`
        : '';
    parts.push(`Difference to ${summary[0]!.combination}${paired}:`, alignColumns([names, ...differences], right));
  }
  if (tasks.length > 2 && record.orders.length === 1) parts.push(...matrices(record));
  // With several orders a stage has several pairs of tasks: they stay in the record.
  if (record.orders.length === 1) parts.push(...measured(record));
  if (notes.length > 0) parts.push(notes.map((note) => `Note: ${note}`).join('\n'));
  return `${parts.join('\n\n')}\n`;
}

function columnsOf({ tasks, summary }: SequenceRecord): readonly SequenceScoreName[] {
  const wanted: readonly SequenceScoreName[] =
    tasks.length === 2 ? [...pairColumns, 'FWT', 'intransigence'] : longColumns;
  return wanted.filter((name) => summary.some(({ scores }) => scores[name] !== undefined));
}

function heading(record: SequenceRecord): string {
  const { tasks, mode, seeds, orders, first_stage, split, heads, protocol } = record;
  const order = (numbers: readonly number[]): string => numbers.map((t) => tasks[t]!.task).join(', then ');
  const stage =
    first_stage === 'distribution'
      ? 'each combination has its own first stage'
      : `first stage ${'rates' in first_stage ? `by ${first_stage.rates.name}` : `given as ${first_stage.model}`}, shared by all`;
  const units = seeds.length * orders.length;
  const of = orders.length > 1 ? `${seeds.length} seeds and ${orders.length} orders` : `${seeds.length} seeds`;
  return [
    `${orders.length === 1 ? order(orders[0]!) : `${orders.length} orders of ${tasks.map(({ task }) => task).join(', ')}`}; ${heads === 'same' ? 'one head for all' : 'a head for each'}; ${mode} mode: ${stage}`,
    ...(protocol === undefined ? [] : [`Published protocol: ${Object.values(protocol.habits).join('; ')}`]),
    `${units === 1 ? `seed ${seeds[0]}` : `mean ± standard deviation of ${of}`}, in points, on the ${split} split: ${tasks.map(({ task, metric, rows }) => `${task} (${metric}, ${rows} rows)`).join(', ')}`,
    tasks.length === 2
      ? 'before: the first task after stage 1; p_s: the second task after stage 2; p_o: the first task after stage 2; forgetting = before - p_o'
      : 'ACC: mean of all tasks at the end; BWT: change since each was learned; FWT: gain before it is learned; forgetting: fall from the best since it was learned',
  ].join('\n');
}

/** Means over the seeds. */
function matrices({ tasks, orders, summary, runs }: SequenceRecord): string[] {
  const names = orders[0]!.map((t) => tasks[t]!.task);
  const right = ['', ...names].map((name) => name !== '');
  return summary.map(({ combination }) => {
    const of = runs.filter((run) => run.combination === combination);
    const rows = names.map((name, i) => [`after ${name}`, ...names.map((_, j) => cell(of, i, j))]);
    return `${combination}, score of each task:\n${alignColumns([['', ...names], ...rows], right)}`;
  });
}

function cell(runs: readonly SequenceRunRecord[], i: number, j: number): string {
  const values = runs.flatMap(({ R }) => R[i]![j] ?? []);
  return values.length === 0 ? '' : points(spread(values).mean);
}

/** One table for each stage: with its settings, the means over seeds and orders. */
function measured({ measured: list = [], runs, summary }: SequenceRecord): string[] {
  const stages = [...new Set(list.map(({ stage }) => stage))].sort((a, b) => a - b);
  return stages.map((stage) => {
    const rows = summary.map(({ combination }) => ({
      name: combination,
      records: runs
        .filter((run) => run.combination === combination)
        .flatMap(({ measures }): MeasuresRecord[] => {
          const record = measures?.[stage - 1];
          return record === null || record === undefined ? [] : [record];
        }),
    }));
    return `Stage ${stage}\n${measuresTable(rows, list.find((each) => each.stage === stage)!.settings).trimEnd()}`;
  });
}
