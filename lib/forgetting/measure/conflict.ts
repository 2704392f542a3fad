/** Whether two tasks pull the weights in opposite directions. */
import type { Model, ModelParameter, Operation } from '../../train/model.ts';
import { withSignal } from '../../train/native-errors.ts';
import { splitOf, type Task } from '../../train/task.ts';
import type { RateDistribution } from '../../rates/distribution.ts';
import type { ConflictPoint, Measured } from '../../report/measures-record.ts';
import { byPart, groupParts, isBody, kindParts, layerParts, measured, type PairSums, sumsOf, total } from './parts.ts';
import { chooseRows } from './rows.ts';

const batchTokens = 2048;

/** Cosine; null where a gradient is 0, as in the other task's head. */
function cosine([aa, ab, bb]: PairSums): Measured {
  return aa === 0 || bb === 0 ? null : measured(ab / Math.sqrt(aa * bb));
}

export interface ConflictOptions extends Operation {
  /** Rows of each task's train split, or all where there are fewer. */
  readonly rows: number;
  readonly seed: number;
}

/**
 * Sums over the two tasks' mean gradients (dropout off) at the present weights, [K x P x 4] as `session.compare` gives them. The weights stay.
 *
 * @throws ERR_INVALID_OPTION for a task without train rows or a head
 */
export async function compareGradients(
  model: Model,
  tasks: readonly [Task, Task],
  options: ConflictOptions,
): Promise<Float64Array> {
  const { session } = model;
  const slots: number[] = [];
  try {
    for (const task of tasks) slots.push(await meanGradient(model, task, options));
    const [first, second] = slots as [number, number];
    return await withSignal(session, options.signal, () =>
      session.compare({ buffer: 'slot', slot: first }, { buffer: 'slot', slot: second }),
    );
  } finally {
    for (const slot of slots) session.release(slot);
  }
}

/**
 * Cosines of one replica.
 *
 * @param compared [K x P x 4] `session.compare` of two gradients
 */
export function conflictOf(
  compared: Float64Array,
  replica: number,
  parameters: readonly ModelParameter[],
  distribution?: RateDistribution,
): ConflictPoint {
  const sums = sumsOf(compared, replica, parameters.length);
  const body = total(sums.filter((_, p) => isBody(parameters[p]!.name)));
  return {
    body: cosine(body),
    layers: byPart(layerParts(parameters), sums, cosine),
    kinds: byPart(kindParts(parameters), sums, cosine),
    ...(distribution === undefined ? {} : { groups: byPart(groupParts(parameters, distribution), sums, cosine) }),
    norms: [measured(Math.sqrt(body[0])), measured(Math.sqrt(body[2]))],
  };
}

async function meanGradient(model: Model, task: Task, { rows, seed, signal }: ConflictOptions): Promise<number> {
  const { session } = model;
  const split = splitOf(task, 'train');
  return withSignal(session, signal, () =>
    session.gradient({
      head: model.head(task.name),
      dataset: model.dataset(split),
      rows: chooseRows(split, rows, seed, 'train'),
      loss: task.labels === null ? 'mse' : 'cross-entropy',
      batchTokens,
    }),
  );
}
