/** Rows of several heads and datasets in one run: replay beside the task, joint training, distillation. */
import { shuffledOrder } from '../random.ts';
import type { NativePart } from '../native/boundary.ts';
import type { StepBatches, StepCounts } from './plan.ts';
import type { EncodedSplit, Task } from './task.ts';

/** Rows that a head learns from. */
export interface RowSource {
  /** Its head and its `train` split. */
  readonly task?: Pick<Task, 'name' | 'labels' | 'splits'>;
  /** Instead of the task's. */
  readonly head?: string;
  readonly dataset?: EncodedSplit;
  /** Row numbers; default all. */
  readonly rows?: Int32Array;
  /** Default as for the run's own rows; `distillation` where there are targets. */
  readonly loss?: NativePart['loss'];
  /** A teacher's logits [replicas x rows of the dataset x outputs]. */
  readonly targets?: Float32Array;
  readonly temperature?: number;
}

/** What every step learns beside its own rows. Its mean loss is added, times `weight`. */
export interface SideRows {
  /** `own`: as many rows a step as the step has, drawn from the sources in an order of their own. `same`: the step's rows again; the sources have the run's dataset. */
  readonly rows: 'own' | 'same';
  readonly sources: readonly RowSource[];
  readonly weight: number;
}

export interface ResolvedSource {
  /** Index into the parts. */
  readonly part: number;
  readonly rows: Int32Array | undefined;
  readonly count: number;
}

export interface ResolvedSide {
  readonly rows: 'own' | 'same';
  readonly sources: readonly ResolvedSource[];
  readonly weight: number;
}

/** All rows of a run: the main ones as one list over the sources, and those beside them. */
export interface Mixture {
  readonly parts: readonly NativePart[];
  readonly main: readonly ResolvedSource[];
  readonly beside: readonly ResolvedSide[];
}

export interface MixedBatches extends StepBatches {
  /** [batches] */
  readonly batchPart: Int32Array;
}

/** Whether the run has its own rows only. */
export function isPlain({ parts, main }: Mixture): boolean {
  return parts.length === 1 && main[0]!.rows === undefined;
}

export function totalRows(sources: readonly ResolvedSource[]): number {
  return sources.reduce((sum, { count }) => sum + count, 0);
}

/**
 * The batches of the run's rows, cut by part, then in each step what is beside them: so the run's own rows keep their places, and with them their
 * dropout masks.
 *
 * @param batches of the main list's rows (batchesOf)
 * @param from the step of the run that the batches begin with
 */
export function mixBatches(
  mixture: Mixture,
  batches: StepBatches,
  from: number,
  counts: Pick<StepCounts, 'batchSize' | 'accumulation'>,
  seed: number,
): MixedBatches {
  const { main, beside } = mixture;
  const out = new BatchList();
  const sides = beside.map((side, i) => (side.rows === 'own' ? new Drawn(side, seed, 1 + i, counts) : undefined));
  const first = main.map((_, i) => totalRows(main.slice(0, i)));
  const count = batches.batchStep.length;
  for (let begin = 0; begin < count; ) {
    const step = batches.batchStep[begin]!;
    let end = begin;
    while (end < count && batches.batchStep[end] === step) end++;
    const own: { rows: Int32Array; weight: number }[] = [];
    for (let b = begin; b < end; b++)
      own.push({
        rows: batches.rows.subarray(batches.rowOffsets[b], batches.rowOffsets[b + 1]),
        weight: batches.weights[b]!,
      });
    for (const { rows, weight } of own) out.pushCut(step, main, first, rows, weight);
    for (const [i, side] of beside.entries()) {
      if (side.rows === 'own') sides[i]!.push(out, step, from + step);
      else
        for (const source of side.sources)
          for (const { rows, weight } of own) out.push(step, source.part, rows, side.weight * weight);
    }
    begin = end;
  }
  return out.finish();
}

/** Rows drawn from sources, epoch after epoch, each in an order of its own. */
class Drawn {
  readonly #side: ResolvedSide;
  readonly #first: readonly number[];
  readonly #total: number;
  readonly #perStep: number;
  readonly #batchSize: number;
  readonly #orderOf: (epoch: number) => Int32Array;

  constructor(
    side: ResolvedSide,
    seed: number,
    stream: number,
    { batchSize, accumulation }: Pick<StepCounts, 'batchSize' | 'accumulation'>,
  ) {
    this.#side = side;
    this.#first = side.sources.map((_, i) => totalRows(side.sources.slice(0, i)));
    this.#total = totalRows(side.sources);
    this.#batchSize = batchSize;
    this.#perStep = Math.min(batchSize * accumulation, this.#total);
    let kept: { epoch: number; order: Int32Array } | undefined;
    this.#orderOf = (epoch) => {
      if (kept?.epoch !== epoch) kept = { epoch, order: shuffledOrder(this.#total, seed, epoch, stream) };
      return kept.order;
    };
  }

  /** @param at the step of the run: a resumed run draws what it would have drawn */
  push(out: BatchList, step: number, at: number): void {
    const { sources, weight } = this.#side;
    for (let done = 0; done < this.#perStep; done += this.#batchSize) {
      const size = Math.min(this.#batchSize, this.#perStep - done);
      const rows = Int32Array.from({ length: size }, (_, i) => {
        const position = at * this.#perStep + done + i;
        return this.#orderOf(Math.floor(position / this.#total))[position % this.#total]!;
      });
      out.pushCut(step, sources, this.#first, rows, (weight * size) / this.#perStep);
    }
  }
}

class BatchList {
  readonly #batchPart: number[] = [];
  readonly #batchStep: number[] = [];
  readonly #rows: number[] = [];
  readonly #rowOffsets: number[] = [0];
  readonly #weights: number[] = [];

  push(step: number, part: number, rows: ArrayLike<number>, weight: number): void {
    for (let i = 0; i < rows.length; i++) this.#rows.push(rows[i]!);
    this.#batchPart.push(part);
    this.#batchStep.push(step);
    this.#rowOffsets.push(this.#rows.length);
    this.#weights.push(weight);
  }

  /** Rows of the sources' common list as one batch for each source that has some; `first` is where each source begins in the list. */
  pushCut(
    step: number,
    sources: readonly ResolvedSource[],
    first: readonly number[],
    rows: Int32Array,
    weight: number,
  ): void {
    for (const [i, source] of sources.entries()) {
      const begin = first[i]!;
      const own: number[] = [];
      for (const row of rows)
        if (row >= begin && row < begin + source.count) own.push(source.rows?.[row - begin] ?? row - begin);
      if (own.length > 0) this.push(step, source.part, own, weight * (own.length / rows.length));
    }
  }

  finish(): MixedBatches {
    return {
      batchPart: Int32Array.from(this.#batchPart),
      batchStep: Int32Array.from(this.#batchStep),
      rows: Int32Array.from(this.#rows),
      rowOffsets: Int32Array.from(this.#rowOffsets),
      weights: Float64Array.from(this.#weights),
    };
  }
}
