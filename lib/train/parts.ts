/** Models trained side by side, as many at once as there is memory for. */
import { isLrdistError } from '../errors.ts';
import type { Model } from './model.ts';
import { withSignal } from './native-errors.ts';
import type { TrainOptions } from './options.ts';
import { longestRow, splitOf, type Task } from './task.ts';

/** What trains at once. */
export interface Work extends Pick<TrainOptions, 'batchSize' | 'batchTokens'> {
  readonly tasks: readonly Pick<Task, 'name' | 'splits'>[];
  /** Slots of all weights that each replica gets for itself. Default 0. */
  readonly slots?: number;
}

/** Tokens of an evaluation's batch where nothing else is said. */
const evaluated = 2048;

/**
 * How many of `wanted` replicas there is memory for, at least 1: what even one does not fit is found out by trying. The processor's memory is the system's to
 * deal out, so there all fit.
 */
export async function replicasThatFit(
  { session, spec }: Pick<Model, 'session' | 'spec'>,
  wanted: number,
  work: Work,
  signal?: AbortSignal,
): Promise<number> {
  if (spec.device === 'cpu' || wanted === 1) return wanted;
  const { tasks, batchSize = 8, batchTokens, slots = 0 } = work;
  const longest = Math.max(...tasks.map((task) => longestRow(splitOf(task, 'train'))));
  // Under a budget of tokens rows may be as short as two.
  const rows = batchTokens === undefined ? batchSize : Math.ceil(batchTokens / 2);
  const tokens = Math.max(batchTokens ?? batchSize * longest, evaluated);
  const fit = await withSignal(session, signal, () => session.fit({ replicas: wanted, tokens, rows, slots }));
  return Math.max(1, fit);
}

/** Why fewer train side by side than were asked for. */
export interface Fewer {
  /** Of these, at once. */
  readonly of: number;
  readonly size: number;
  /** Where memory ran out; without it, it was known before. */
  readonly error?: string;
}

export function fewerText({ of, size, error }: Fewer, what = 'replicas'): string {
  const why = error === undefined ? 'memory is short' : `memory ran out (${error.split('\n')[0]})`;
  return `${why}: of ${of} ${what}, ${size} train at a time${error === undefined ? '' : '; they begin again'}`;
}

/** Equally many at a time, `most` at most. */
export function partSize(count: number, most: number): number {
  return Math.ceil(count / Math.ceil(count / Math.max(1, most)));
}

/**
 * Runs items side by side in parts of at most `most`. Where memory runs out, that part begins again in halves, and the parts after it are as small.
 *
 * @param run gives a result for each item
 * @returns the results in the order of the items
 * @throws what `run` throws; ERR_OUT_OF_MEMORY if a single item does not fit
 */
export async function inParts<T, R>(
  items: readonly T[],
  most: number,
  run: (part: readonly T[]) => Promise<readonly R[]>,
  onFewer: (fewer: Fewer) => void,
): Promise<R[]> {
  let size = partSize(items.length, most);
  if (size < items.length) onFewer({ of: items.length, size });
  const results: R[] = [];
  while (results.length < items.length) {
    const part = items.slice(results.length, results.length + size);
    try {
      results.push(...(await run(part)));
    } catch (error) {
      if (!isOutOfMemory(error) || part.length === 1) throw error;
      size = Math.ceil(part.length / 2);
      onFewer({ of: part.length, size, error: error.message });
    }
  }
  return results;
}

export function isOutOfMemory(error: unknown): error is Error {
  return isLrdistError(error) && error.code === 'ERR_OUT_OF_MEMORY';
}
