/** What the model makes of some rows: the first token's states, and the head's score. */
import type { Measured } from '../../report/measures-record.ts';
import type { Model, Operation } from '../../train/model.ts';
import { withSignal } from '../../train/native-errors.ts';
import { scoresOf } from '../../train/scores.ts';
import { type EncodedSplit, outputsOf, type Task } from '../../train/task.ts';
import { measured } from './parts.ts';
import type { Matrix } from './similarity.ts';

const batchTokens = 2048;

/** Some rows of a split. */
export interface Chosen extends Operation {
  readonly split: EncodedSplit;
  readonly rows: Int32Array;
}

/** Labels of the chosen rows. */
export function labelsOf({ split, rows }: Chosen): Float32Array {
  return Float32Array.from(rows, (r) => split.labels[r]!);
}

/** First token's states of each replica: [rows x hidden] of the last layer (`cls`), or [rows x (layers + 1) x hidden] (`layers`). */
export function statesOf(
  model: Model,
  task: Pick<Task, 'name'>,
  chosen: Chosen,
  want: 'cls' | 'layers',
): Promise<Float32Array[]> {
  return evaluate(model, task, chosen, want);
}

/** The score of the task's own head on the rows, by replica. */
export async function headScores(model: Model, task: Task, chosen: Chosen): Promise<Measured[]> {
  const labels = labelsOf(chosen);
  const logits = await evaluate(model, task, chosen, 'logits');
  return logits.map((values) => measured(scoresOf(task, values, labels, outputsOf(task), {}).main));
}

/** Features for a probe: the last layer's states, out of `cls` or `layers`. */
export function lastLayer(states: Float32Array, rows: number, hidden: number): Matrix {
  const width = states.length / rows;
  const values = new Float64Array(rows * hidden);
  for (let r = 0; r < rows; r++) values.set(states.subarray((r + 1) * width - hidden, (r + 1) * width), r * hidden);
  return { values, rows, columns: hidden };
}

async function evaluate(
  model: Model,
  task: Pick<Task, 'name'>,
  { split, rows, signal }: Chosen,
  want: 'cls' | 'layers' | 'logits',
): Promise<Float32Array[]> {
  const { session } = model;
  const all = await withSignal(session, signal, () =>
    session.evaluate({ head: model.head(task.name), dataset: model.dataset(split), rows, want, batchTokens }),
  );
  const size = all.length / model.replicas;
  return Array.from({ length: model.replicas }, (_, k) => all.slice(k * size, (k + 1) * size));
}
