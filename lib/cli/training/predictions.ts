/** Prediction files: GLUE's submission format, and run_glue's. */
import { join } from 'node:path';
import { glueTasks, isGlueName } from '../../data/glue.ts';
import { predictionsOf } from '../../metrics/glue.ts';
import { writeWhole } from '../../train/files.ts';
import type { LoadedTask } from '../../train/load-task.ts';
import type { Model } from '../../train/model.ts';
import { longestRow, outputsOf } from '../../train/task.ts';

/** File names of a GLUE submission. */
const submissionNames: Readonly<Record<string, string>> = {
  cola: 'CoLA',
  sst2: 'SST-2',
  mrpc: 'MRPC',
  stsb: 'STS-B',
  qqp: 'QQP',
  mnli: 'MNLI-m',
  'mnli-mm': 'MNLI-mm',
  qnli: 'QNLI',
  rte: 'RTE',
  wnli: 'WNLI',
  ax: 'AX',
};

/** Tasks whose submissions hold class names; the others hold class numbers. */
const namedClasses: ReadonlySet<string> = new Set(['mnli', 'mnli-mm', 'qnli', 'rte', 'ax']);

export interface PredictionFile {
  readonly path: string;
  readonly rows: number;
}

/** Predicts every test split with each replica and writes `<TASK>.tsv` and `predict_results_<task>.txt` into its folder. */
export async function writePredictions(
  model: Model,
  task: LoadedTask,
  folders: readonly string[],
  options: { batchSize: number; signal: AbortSignal; splits?: readonly string[] },
): Promise<readonly PredictionFile[]> {
  const written: PredictionFile[] = [];
  const splits = options.splits ?? Object.keys(task.splits).filter((name) => name.startsWith('test'));
  for (const split of splits) {
    const rows = task.splits[split]!;
    const name = split.endsWith('_mismatched') ? `${task.name}-mm` : task.name;
    const logits = await model.predict(rows, {
      head: task.name,
      signal: options.signal,
      batchTokens: Math.max(options.batchSize * longestRow(rows), 512),
    });
    for (const [k, folder] of folders.entries()) {
      const predictions = predictionsOf(logits[k]!, outputsOf(task));
      const put = async (file: string, text: string): Promise<void> => {
        const path = join(folder, file);
        await writeWhole(path, text);
        written.push({ path, rows: predictions.length });
      };
      if (isGlueName(task.name))
        await put(`${submissionNames[name]}.tsv`, submission(task, name, predictions, task.ids[split]!));
      await put(`predict_results_${name}.txt`, runGlueFile(task, predictions));
    }
  }
  return written;
}

/** `index`, `prediction`: class names or numbers as the task's submissions have them, regression within its range with three decimals. */
export function submission(
  task: Pick<LoadedTask, 'name' | 'labels'>,
  name: string,
  predictions: Float32Array,
  ids: Int32Array,
): string {
  const range = isGlueName(task.name) ? glueTasks[task.name].range : undefined;
  const [low, high] = range ?? [-Infinity, Infinity];
  const cell = (value: number): string => {
    if (task.labels === null) return Math.min(high, Math.max(low, value)).toFixed(3);
    return namedClasses.has(name) ? task.labels[value]! : String(value);
  };
  return table([...predictions].map((value, row) => `${ids[row]}\t${cell(value)}`));
}

/** As run_glue writes it: rows numbered from 0, class names, regression with three decimals. */
function runGlueFile(task: Pick<LoadedTask, 'labels'>, predictions: Float32Array): string {
  return table(
    [...predictions].map((value, row) => `${row}\t${task.labels === null ? value.toFixed(3) : task.labels[value]}`),
  );
}

function table(rows: readonly string[]): string {
  return `index\tprediction\n${rows.map((row) => `${row}\n`).join('')}`;
}
