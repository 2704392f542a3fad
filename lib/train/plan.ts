/** How many steps a run has, which rows each step takes, and at which steps it pauses. Pure arithmetic, by Hugging Face Trainer's rules. */
import { shuffledOrder } from '../random.ts';

export interface StepCounts {
  readonly rows: number;
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
}): StepCounts {
  const { rows, batchSize, accumulation } = options;
  const batchesPerEpoch = Math.ceil(rows / batchSize);
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

/** Micro-batches of the steps `from` (inclusive) to `to` (exclusive). The order of an epoch depends on seed and epoch alone. */
export function batchesOf(counts: StepCounts, seed: number, from: number, to: number): StepBatches {
  const { rows: total, batchSize, accumulation, batchesPerEpoch, stepsPerEpoch } = counts;
  const batchStep: number[] = [];
  const weights: number[] = [];
  const offsets: number[] = [0];
  const rows: number[] = [];
  let order: Int32Array | undefined;
  let orderEpoch = -1;
  for (let step = from; step < to; step++) {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (epoch !== orderEpoch || order === undefined) {
      order = shuffledOrder(total, seed, epoch);
      orderEpoch = epoch;
    }
    const first = (step - epoch * stepsPerEpoch) * accumulation;
    const last = Math.min(first + accumulation, batchesPerEpoch);
    const stepRows = Math.min(last * batchSize, total) - first * batchSize;
    for (let batch = first; batch < last; batch++) {
      const begin = batch * batchSize;
      const end = Math.min(begin + batchSize, total);
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
export function rowsSeen(counts: StepCounts, steps: number): number {
  const whole = Math.floor(steps / counts.stepsPerEpoch);
  const rest = (steps - whole * counts.stepsPerEpoch) * counts.accumulation * counts.batchSize;
  return whole * counts.rows + Math.min(rest, counts.rows);
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
