import { formatRate } from '../../rates/distribution.ts';
import { alignColumns, thousands } from '../../rates/table.ts';
import type { Metrics } from '../../train/results.ts';
import type { GroupRow } from '../../train/run.ts';

/** The groups and rates of a run, a column of rates for each replica where the groups are the same. */
export function rateTable(rows: readonly GroupRow[], names: readonly string[]): string {
  return names
    .map((name, k) => {
      const own = rows.filter((row) => row.replica === k);
      const body = own.map(({ group, tensors, elements, rate, weightDecay }) => [
        group,
        String(tensors),
        thousands(elements),
        rate === 0 ? 'frozen' : formatRate(Number(rate.toPrecision(4))),
        String(weightDecay),
      ]);
      return `${name}\n${alignColumns([['group', 'tensors', 'parameters', 'learning rate', 'weight decay'], ...body], [false, true, true, true, true])}`;
    })
    .join('\n\n');
}

/** Replicas side by side: a row each, their scores in columns. */
export function replicaTable(names: readonly string[], metrics: readonly Metrics[]): string {
  const keys = [...new Set(metrics.flatMap((entry) => Object.keys(entry)))].filter(
    (key) => key === 'train_loss' || (key.startsWith('eval_') && !/runtime|per_second|samples/.test(key)),
  );
  const cell = (value: number | undefined): string =>
    value === undefined ? '' : Number.isFinite(value) ? value.toFixed(4) : 'not finite';
  const body = names.map((name, k) => [name, ...keys.map((key) => cell(metrics[k]![key]))]);
  return alignColumns([['rates', ...keys], ...body], [false, ...keys.map(() => true)]);
}
