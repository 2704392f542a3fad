/** A task-shift record as text. */
import type { PairScores, ShiftRecord } from './shift-record.ts';
import type { Interval, Spread } from './spread.ts';
import { alignColumns } from '../rates/table.ts';

const columns = ['before', 'p_s', 'p_o', 'forgetting', 'objective'] as const satisfies readonly (keyof PairScores)[];

/** Scores and paired differences in points (hundredths), then the record's notes. */
export function shiftTable(record: ShiftRecord): string {
  const { summary, notes } = record;
  const align = ['', ...columns].map((name) => name !== '');
  const scores = summary.map(({ distribution, scores: row }) => [
    distribution,
    ...columns.map((name) => spreadText(row[name])),
  ]);
  const differences = summary.flatMap(({ distribution, difference }) =>
    difference === undefined ? [] : [[distribution, ...columns.map((name) => intervalText(difference[name]))]],
  );
  const parts = [heading(record), alignColumns([['distribution', ...columns], ...scores], align)];
  if (differences.length > 0) {
    const paired = record.seeds.length > 1 ? ', paired by seed, with the 95 % interval of its mean' : '';
    parts.push(
      `Difference to ${summary[0]!.distribution}${paired}:`,
      alignColumns([['distribution', ...columns], ...differences], align),
    );
  }
  if (notes.length > 0) parts.push(notes.map((note) => `Note: ${note}`).join('\n'));
  return `${parts.join('\n\n')}\n`;
}

function heading({ tasks, mode, seeds, objective, first_stage, split }: ShiftRecord): string {
  const [first, second] = tasks;
  const stage =
    first_stage === 'distribution'
      ? 'each distribution governs both stages'
      : `first stage ${'rates' in first_stage ? `by ${first_stage.rates.name}` : `given as ${first_stage.model}`}, shared by all`;
  return [
    `${first.task} (${first.metric}), then ${second.task} (${second.metric}); ${mode} mode: ${stage}`,
    `${seeds.length === 1 ? `seed ${seeds[0]}` : `mean ± standard deviation of ${seeds.length} seeds`}, in points, on the ${split} split (${first.rows} and ${second.rows} rows)`,
    `before: ${first.task} after stage 1; p_s: ${second.task} after stage 2; p_o: ${first.task} after stage 2; forgetting = before - p_o; objective = ${objective === 'sum' ? 'p_s + p_o' : 'p_s + p_o, each with guessing at 0 and perfection at 100'}`,
  ].join('\n');
}

export function points(share: number): string {
  return (100 * share).toFixed(1);
}

export function spreadText({ mean, sd }: Spread): string {
  if (Number.isNaN(mean)) return '-';
  return sd === null ? points(mean) : `${points(mean)} ± ${points(sd)}`;
}

export function intervalText({ mean, low, high }: Interval): string {
  if (Number.isNaN(mean)) return '-';
  const signed = (share: number): string => `${share > 0 ? '+' : ''}${points(share)}`;
  return low === null || high === null ? signed(mean) : `${signed(mean)} [${signed(low)}, ${signed(high)}]`;
}
