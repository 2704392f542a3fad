/** Which rows make a batch: their order in an epoch, and where it is cut. Pure arithmetic on the rows' lengths. */
import { LrdistError } from '../errors.ts';
import { shuffledOrder } from '../random.ts';
import { type EncodedSplit, rowsOf } from './task.ts';

/** Hugging Face's `train_sampling_strategy`. */
export const samplingStrategies = ['random', 'sequential', 'group_by_length'] as const;
export type SamplingStrategy = (typeof samplingStrategies)[number];

export interface Batching {
  readonly strategy: SamplingStrategy;
  /** Most tokens of a batch; undefined where batches have a number of rows. */
  readonly batchTokens: number | undefined;
  /** Tokens of each row; empty where neither the order nor the cuts depend on them. */
  readonly lengths: Int32Array;
}

/** Shuffled rows, so many to a batch. */
export const plainBatching: Batching = { strategy: 'random', batchTokens: undefined, lengths: new Int32Array() };

export interface EpochSize {
  readonly rows: number;
  /** Rows of a batch; with a token budget, their mean. */
  readonly batchSize: number;
  readonly batchesPerEpoch: number;
}

export interface Epoch {
  /** [rows] */
  readonly order: Int32Array;
  /** [batches + 1] positions in the order. */
  readonly cuts: Int32Array;
}

/** An epoch's batches, decided by seed and epoch alone. */
export function epochOf(
  { rows, batchSize, batchesPerEpoch }: EpochSize,
  batching: Batching,
  seed: number,
  epoch: number,
): Epoch {
  const { strategy, batchTokens, lengths } = batching;
  const order =
    strategy === 'sequential' ? Int32Array.from({ length: rows }, (_, i) => i) : shuffledOrder(rows, seed, epoch);
  if (strategy === 'group_by_length') groupByLength(order, lengths, batchSize);
  const cuts =
    batchTokens === undefined
      ? Int32Array.from({ length: batchesPerEpoch + 1 }, (_, b) => Math.min(b * batchSize, rows))
      : evenCuts(order, lengths, batchesPerEpoch, batchTokens);
  return { order, cuts };
}

/**
 * Batches of an epoch under a token budget: so many that every order of the rows can be cut into them, so that all epochs, seeds and replicas
 * have equally many steps. Cut greedily, a batch and the first row of the next one are above the budget together; so each batch but the last is
 * above the budget less the longest row, and two neighbours are above the budget.
 *
 * @throws ERR_INVALID_OPTION if a row alone is above the budget
 */
export function tokenBatches(lengths: Int32Array, budget: number): number {
  let total = 0;
  let longest = 0;
  for (const length of lengths) {
    total += length;
    longest = Math.max(longest, length);
  }
  if (longest > budget)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `batch_tokens: ${budget} tokens cannot hold the longest row, of ${longest}`,
      {
        remedy: `Give at least ${longest}, or cut the rows with --max_seq_length ${budget}.`,
      },
    );
  const byOne = Math.ceil(total / (budget - longest + 1));
  const byTwo = 2 * Math.floor(total / (budget + 1)) + 1;
  return Math.min(lengths.length, byOne, byTwo);
}

/** Tokens of every row of these splits, one split after the other. */
export function lengthsOf(
  sources: readonly { readonly split: EncodedSplit; readonly rows?: Int32Array | undefined }[],
): Int32Array {
  const lengths: number[] = [];
  for (const { split, rows } of sources)
    for (const row of rows ?? Array(rowsOf(split)).keys()) lengths.push(split.offsets[row + 1]! - split.offsets[row]!);
  return Int32Array.from(lengths);
}

/**
 * In place, as transformers' LengthGroupedSampler does it: stretches of up to 50 batches are sorted, longest first, and the longest row of all
 * comes first, so that a step too large for the memory is the first one.
 */
function groupByLength(order: Int32Array, lengths: Int32Array, batchSize: number): void {
  const stretch = batchSize * Math.max(1, Math.min(Math.floor(order.length / (4 * batchSize)), 50));
  let longest = 0;
  for (let begin = 0; begin < order.length; begin += stretch) {
    order.subarray(begin, begin + stretch).sort((a, b) => lengths[b]! - lengths[a]!);
    if (lengths[order[begin]!]! > lengths[order[longest]!]!) longest = begin;
  }
  [order[0], order[longest]] = [order[longest]!, order[0]!];
}

/** Cuts an order into exactly so many batches under the budget, as even in tokens as single rows allow. */
function evenCuts(order: Int32Array, lengths: Int32Array, batches: number, budget: number): Int32Array {
  const rows = order.length;
  const length = (at: number): number => lengths[order[at]!]!;
  const earliest = earliestCuts(rows, length, batches, budget);
  const total = lengths.reduce((sum, each) => sum + each, 0);
  const cuts = new Int32Array(batches + 1);
  let seen = 0;
  for (let b = 0; b < batches; b++) {
    const target = (total * (b + 1)) / batches;
    const last = rows - (batches - 1 - b); // a row at least for each batch after this
    let at = cuts[b]!;
    for (let held = 0; at < last && held + length(at) <= budget; at++) {
      const closer = Math.abs(seen + length(at) - target) < Math.abs(seen - target);
      if (held > 0 && at >= earliest[b + 1]! && !closer) break;
      held += length(at);
      seen += length(at);
    }
    cuts[b + 1] = at;
  }
  return cuts;
}

/** [batches + 1] the first position at which each batch may begin so that those from it on hold all that is left. */
function earliestCuts(rows: number, length: (at: number) => number, batches: number, budget: number): Int32Array {
  const earliest = new Int32Array(batches + 1);
  let at = rows;
  earliest[batches] = rows;
  for (let b = batches - 1; b >= 0; b--) {
    for (let held = 0; at > 0 && held + length(at - 1) <= budget; at--) held += length(at - 1);
    earliest[b] = at;
  }
  return earliest;
}
