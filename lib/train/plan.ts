/** How many steps a run has, which rows each step takes, and at which steps it pauses. Pure arithmetic, by Hugging Face Trainer's rules. */
import { type Batching, type Epoch, epochOf, lengthsOf, plainBatching, tokenBatches } from './batching.ts';
import type { TrainOptions } from './options.ts';
import { type EncodedSplit, rowsOf } from './task.ts';

export interface StepCounts {
  readonly rows: number;
  /** Rows of a micro-batch; with a token budget, their mean, rounded up. */
  readonly batchSize: number;
  readonly accumulation: number;
  /** Micro-batches of an epoch, the last partial one included. */
  readonly batchesPerEpoch: number;
  /** Optimizer steps of an epoch; the last one may have fewer micro-batches. */
  readonly stepsPerEpoch: number;
  /** Optimizer steps of the run. */
  readonly total: number;
  /** Epochs begun. */
  readonly epochs: number;
}

/** `maxSteps`, when positive, decides; else `ceil(epochs x steps of an epoch)`. */
export function countSteps(options: {
  rows: number;
  batchSize: number;
  accumulation: number;
  epochs: number;
  maxSteps: number;
  /** Under a token budget: tokenBatches. Then `batchSize` is not read. */
  batchesPerEpoch?: number | undefined;
}): StepCounts {
  const { rows, accumulation, batchesPerEpoch = Math.ceil(rows / options.batchSize) } = options;
  const batchSize = options.batchesPerEpoch === undefined ? options.batchSize : Math.ceil(rows / batchesPerEpoch);
  const stepsPerEpoch = Math.max(Math.ceil(batchesPerEpoch / accumulation), 1);
  const total = options.maxSteps > 0 ? options.maxSteps : Math.ceil(options.epochs * stepsPerEpoch);
  return {
    rows,
    batchSize,
    accumulation,
    batchesPerEpoch,
    stepsPerEpoch,
    total,
    epochs: Math.ceil(total / stepsPerEpoch),
  };
}

/** Steps of a run on these splits, with the defaults of TrainOptions. */
export function countRun(
  options: Pick<TrainOptions, 'maxSteps' | 'batchSize' | 'batchTokens' | 'gradientAccumulationSteps'> & {
    readonly epochs?: number;
  },
  splits: readonly EncodedSplit[],
): StepCounts {
  const {
    epochs = 3,
    maxSteps = -1,
    batchSize = 8,
    batchTokens,
    gradientAccumulationSteps: accumulation = 1,
  } = options;
  const rows = splits.reduce((sum, split) => sum + rowsOf(split), 0);
  const batchesPerEpoch =
    batchTokens === undefined ? undefined : tokenBatches(lengthsOf(splits.map((split) => ({ split }))), batchTokens);
  return countSteps({ rows, batchSize, accumulation, epochs, maxSteps, batchesPerEpoch });
}

/** Epochs done after a number of steps, a fraction inside an epoch. */
export function epochAt(counts: StepCounts, step: number): number {
  const whole = Math.floor(step / counts.stepsPerEpoch);
  const rest = step - whole * counts.stepsPerEpoch;
  // A Trainer counts micro-batches here; they differ from steps only within an epoch whose last step is short.
  return whole + Math.min((rest * counts.accumulation) / counts.batchesPerEpoch, 1);
}

export interface StepBatches {
  /** [batches] step within the range, ascending. */
  readonly batchStep: Int32Array;
  readonly rows: Int32Array;
  /** [batches + 1] */
  readonly rowOffsets: Int32Array;
  /** [batches] share of the step's rows, so that a step's loss is the mean over its rows however it is cut. */
  readonly weights: Float64Array;
}

/** Micro-batches of the steps `from` (inclusive) to `to` (exclusive). The batches of an epoch depend on seed and epoch alone. */
export function batchesOf(
  counts: StepCounts,
  seed: number,
  from: number,
  to: number,
  batching: Batching = plainBatching,
): StepBatches {
  const { accumulation, batchesPerEpoch, stepsPerEpoch } = counts;
  const batchStep: number[] = [];
  const weights: number[] = [];
  const offsets: number[] = [0];
  const rows: number[] = [];
  let current: (Epoch & { readonly epoch: number }) | undefined;
  for (let step = from; step < to; step++) {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (current?.epoch !== epoch) current = { epoch, ...epochOf(counts, batching, seed, epoch) };
    const { order, cuts } = current;
    const first = (step - epoch * stepsPerEpoch) * accumulation;
    const last = Math.min(first + accumulation, batchesPerEpoch);
    const stepRows = cuts[last]! - cuts[first]!;
    for (let batch = first; batch < last; batch++) {
      const begin = cuts[batch]!;
      const end = cuts[batch + 1]!;
      for (let i = begin; i < end; i++) rows.push(order[i]!);
      batchStep.push(step - from);
      weights.push((end - begin) / stepRows);
      offsets.push(rows.length);
    }
  }
  return {
    batchStep: Int32Array.from(batchStep),
    rows: Int32Array.from(rows),
    rowOffsets: Int32Array.from(offsets),
    weights: Float64Array.from(weights),
  };
}

/** Rows seen in the first `steps` steps. */
export function rowsSeen(counts: StepCounts, steps: number, seed = 0, batching: Batching = plainBatching): number {
  const epoch = Math.floor(steps / counts.stepsPerEpoch);
  const rest = steps - epoch * counts.stepsPerEpoch;
  if (rest === 0) return epoch * counts.rows;
  const { cuts } = epochOf(counts, batching, seed, epoch);
  return epoch * counts.rows + cuts[Math.min(rest * counts.accumulation, counts.batchesPerEpoch)]!;
}

/** Largest number of steps given to the engine at once: keeps the arrays of a segment small. */
export const maxSegmentSteps = 2000;

/** The next step after `step` at which the run pauses: an epoch's end, a multiple of one of `every`, one of `at`, or the end. */
export function nextPause(
  counts: StepCounts,
  step: number,
  every: readonly number[],
  at: readonly number[] = [],
): number {
  let next = Math.min(counts.total, step + maxSegmentSteps);
  for (const n of [counts.stepsPerEpoch, ...every]) if (n > 0) next = Math.min(next, (Math.floor(step / n) + 1) * n);
  for (const n of at) if (n > step) next = Math.min(next, n);
  return next;
}
