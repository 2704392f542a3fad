/** What EWC remembers of earlier tasks: Fisher diagonals and the weights they belong to, as slots of a session. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shuffledOrder } from '../random.ts';
import type { NativeFileTensor } from '../native/boundary.ts';
import type { Model } from '../train/model.ts';
import { withSignal } from '../train/native-errors.ts';
import { rowsOf, splitOf, type Task } from '../train/task.ts';
import type { Penalty } from './penalties.ts';

const stream = 0x6669_7368;

export interface FisherOptions {
  readonly rows: number;
  readonly labels: 'data' | 'model';
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
}

/** Diagonal Fisher information of every replica on a task's train rows, one row at a time. @returns its slot */
export function fisherOf(model: Model, task: Task, head: string, options: FisherOptions): Promise<number> {
  const split = splitOf(task, 'train');
  const rows = shuffledOrder(rowsOf(split), options.seed, stream).slice(0, options.rows).sort();
  return withSignal(model.session, options.signal, () =>
    model.session.fisher({
      head: model.head(head),
      dataset: model.dataset(split),
      rows,
      loss: task.labels === null ? 'mse' : 'cross-entropy',
      labels: options.labels,
    }),
  );
}

/** Slots with a row for each replica, or one row for all. */
export interface Memory {
  readonly fisher: number;
  readonly anchor: number;
}

export async function remember(model: Model, task: Task, head: string, options: FisherOptions): Promise<Memory> {
  const fisher = await fisherOf(model, task, head, options);
  return { fisher, anchor: await model.session.snapshot('weights') };
}

export function forget(model: Model, { fisher, anchor }: Memory): void {
  model.session.release(fisher);
  model.session.release(anchor);
}

/**
 * Adds what was known before to the memory of the newest task, replica by replica.
 *
 * `ewc`: a pull for each task, sum_t F_t (w - w_t)^2. Up to a constant that is one pull with F = sum_t F_t to the mean of the w_t weighted by F_t.
 * `ewc-online`: F = gamma F_old + F_new, to the newest weights.
 *
 * @param penalties of each replica: ewc, ewc-online, or none to leave its newest memory as it is
 */
export async function accumulate(
  model: Model,
  old: Memory,
  newest: Memory,
  penalties: readonly (Penalty | undefined)[],
): Promise<void> {
  const { session, parameters } = model;
  const folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
  try {
    for (const [replica, penalty] of penalties.entries()) {
      if (penalty === undefined) continue;
      const { name } = penalty.kind;
      for (const parameter of parameters.keys()) {
        const read = (slot: number): Promise<Float32Array> =>
          session.read({ buffer: 'slot', parameter, replica, slot });
        const put = async (slot: number, values: Float32Array): Promise<void> => {
          const path = join(folder, 'tensor');
          await writeFile(path, values);
          const tensor: NativeFileTensor = { path, offset: 0, dtype: 'F32', buffer: 'slot', parameter, replica, slot };
          await session.load([tensor]);
        };
        const [before, after] = [await read(old.fisher), await read(newest.fisher)];
        if (name === 'ewc-online') {
          const gamma = penalty.numbers['gamma']!;
          await put(
            newest.fisher,
            after.map((value, i) => gamma * before[i]! + value),
          );
          continue;
        }
        const [from, to] = [await read(old.anchor), await read(newest.anchor)];
        await put(
          newest.anchor,
          to.map((value, i) => meanOf(from[i]!, before[i]!, value, after[i]!)),
        );
        await put(
          newest.fisher,
          after.map((value, i) => before[i]! + value),
        );
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function meanOf(a: number, weightA: number, b: number, weightB: number): number {
  const sum = weightA + weightB;
  return sum > 0 ? (weightA * a + weightB * b) / sum : b;
}
