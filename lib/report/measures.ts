/** Measures of a stage as text. */
import { alignColumns } from '../rates/table.ts';
import type { ByPart, Measured, MeasuresRecord, StageMeasures } from './measures-record.ts';
import { points } from './shift.ts';
import { spread } from './spread.ts';

/** A distribution with its record under each seed. */
export interface MeasuredRuns {
  readonly name: string;
  readonly records: readonly MeasuresRecord[];
}

/** The runs of several seeds, by distribution. The replicas of every stage are the distributions, in this order. */
export function measuredRuns(names: readonly string[], seeds: readonly StageMeasures[]): MeasuredRuns[] {
  return names.map((name, k) => ({ name, records: seeds.flatMap(({ replicas }) => replicas[k] ?? []) }));
}

/** One table for each measure, means over the seeds; what is missing or not finite in all of them is "-". */
export function measuresTable(runs: readonly MeasuredRuns[], settings: StageMeasures['settings']): string {
  const [first, second] = settings.tasks;
  const { rows, split } = settings;
  const has = (name: keyof MeasuresRecord): boolean =>
    runs.some(({ records }) => records.some((record) => record[name] !== undefined));
  const sections: string[] = [];
  if (has('drift'))
    sections.push(
      section('Relative weight drift |w - w0| / |w0|, in %', runs, percent, ({ drift }) =>
        drift === undefined ? {} : { body: drift.body, ...drift.layers },
      ),
    );
  if (has('conflict')) {
    const title = (when: string): string =>
      `Cosine of the gradients of ${first} and ${second}, ${when} (${rows.conflict} train rows each; below 0 they conflict)`;
    for (const when of ['before', 'after'] as const)
      sections.push(
        section(title(when), runs, cosine, ({ conflict }) =>
          conflict === undefined ? {} : { body: conflict[when].body, ...shared(conflict[when].layers) },
        ),
      );
  }
  if (has('similarity'))
    sections.push(
      section(
        `Linear CKA of the states before and after (${rows.scored} ${split} rows of ${first}; 1 = the same but for rotation and scale)`,
        runs,
        cosine,
        ({ similarity }) => similarity?.layers ?? {},
      ),
    );
  if (has('probe')) sections.push(probeSection(runs, settings));
  if (has('masked_lm'))
    sections.push(
      section(`Masked-LM loss on held text, in nats (${settings.masked_tokens} tokens)`, runs, cosine, (record) =>
        lossColumns(record),
      ),
    );
  return `${sections.join('\n\n')}\n`;
}

/** How much of a run the measures took. */
export function overheadText(stages: readonly Pick<StageMeasures, 'total_seconds'>[], runSeconds: number): string {
  const spent = stages.reduce((sum, { total_seconds }) => sum + total_seconds, 0);
  return `Measuring took ${spent.toFixed(1)} s of ${runSeconds.toFixed(1)} s (${((100 * spent) / runSeconds).toFixed(1)} %).`;
}

/** What a new head reads off the old and the new features, beside what the model's own head scores. */
function probeSection(runs: readonly MeasuredRuns[], { tasks, rows, split }: StageMeasures['settings']): string {
  const metric = runs.flatMap(({ records }) => records.flatMap(({ probe }) => probe?.metric ?? []))[0]!;
  const title = `${tasks[0]}, ${metric} in points on ${rows.scored} ${split} rows: its head, and a linear probe fitted on ${rows.probe} train rows (lost = probe before - after; misaligned = probe - head, after)`;
  return section(title, runs, points, ({ probe }) => {
    if (probe === undefined) return {};
    const { before, after } = probe;
    return {
      'head before': before.head,
      'head after': after.head,
      'probe before': before.probe,
      'probe after': after.probe,
      lost: minus(before.probe, after.probe),
      misaligned: minus(after.probe, after.head),
    };
  });
}

function lossColumns({ masked_lm }: MeasuresRecord): ByPart {
  if (masked_lm === undefined) return {};
  const { before, after } = masked_lm;
  return { before, after, rise: minus(after, before) };
}

function section(
  title: string,
  runs: readonly MeasuredRuns[],
  text: (value: number) => string,
  columnsOf: (record: MeasuresRecord) => ByPart,
): string {
  const values = runs.map(({ records }) => records.map(columnsOf));
  const columns = [...new Set(values.flat().flatMap((record) => Object.keys(record)))];
  const body = values.map((records, i) => [
    runs[i]!.name,
    ...columns.map((column) => {
      const { mean } = spread(records.map((record) => record[column] ?? NaN));
      return Number.isNaN(mean) ? '-' : text(mean);
    }),
  ]);
  const heading = ['distribution', ...columns];
  return `${title}:\n${alignColumns(
    [heading, ...body],
    heading.map((_, c) => c > 0),
  )}`;
}

/** Parts in which both tasks have a gradient. */
function shared(parts: ByPart): ByPart {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== null));
}

function minus(a: Measured, b: Measured): Measured {
  return a === null || b === null ? null : a - b;
}

function percent(share: number): string {
  return (100 * share).toFixed(2);
}

function cosine(value: number): string {
  return value.toFixed(3);
}
