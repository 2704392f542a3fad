/** Which evaluation was the best of each replica, and when to stop looking. */
import { LrdistError, nearest } from '../errors.ts';
import { greaterIsBetter, type TrainingArguments } from './arguments.ts';
import type { Metrics } from './results.ts';
import type { Best } from './trainer-state.ts';

export interface BestMemory {
  readonly best: readonly (Best | null)[];
  /** Evaluations since the last improvement. */
  readonly waited: readonly number[];
}

export class BestKeeper {
  readonly #args: TrainingArguments;
  readonly #key: string;
  readonly #sign: 1 | -1;
  readonly #best: (Best | undefined)[];
  readonly #waited: number[];

  constructor(args: TrainingArguments, replicas: number, memory: BestMemory | undefined) {
    this.#args = args;
    const name = args.metric_for_best_model ?? 'loss';
    this.#key = name.startsWith('eval_') ? name : `eval_${name}`;
    this.#sign = greaterIsBetter(args) ? 1 : -1;
    this.#best = memory?.best.map((best) => best ?? undefined) ?? new Array<undefined>(replicas).fill(undefined);
    this.#waited = memory === undefined ? new Array<number>(replicas).fill(0) : [...memory.waited];
  }

  /**
   * Takes the evaluations of a step. A replica whose patience is over keeps its best, as if it had stopped, so that it ends as it would alone.
   *
   * @returns whether some replica got better
   */
  tell(step: number, metrics: readonly Metrics[]): boolean {
    const { early_stopping_threshold: threshold } = this.#args;
    let improved = false;
    for (const [k, entry] of metrics.entries()) {
      if (this.#isExhausted(k)) continue;
      const value = entry[this.#key] ?? NaN;
      const before = this.#best[k];
      const gain = before === undefined ? Infinity : this.#sign * (value - before.metric);
      // As in transformers: any gain makes a new best, a gain above the threshold resets the patience.
      this.#waited[k] = gain > threshold ? 0 : this.#waited[k]! + 1;
      if (gain > 0 && !Number.isNaN(value)) {
        this.#best[k] = { metric: value, step, folder: undefined };
        improved = true;
      }
    }
    return improved;
  }

  /** The checkpoint of this step was written to `folder`. */
  saved(step: number, folder: string): void {
    for (const [k, best] of this.#best.entries()) if (best?.step === step) this.#best[k] = { ...best, folder };
  }

  best(replica: number): Best | undefined {
    return this.#best[replica];
  }

  /** Checkpoints that must stay. */
  folders(): ReadonlySet<string> {
    return new Set(this.#best.flatMap((best) => best?.folder ?? []));
  }

  /** Whether every replica ran out of patience. */
  exhausted(): boolean {
    return this.#waited.every((_, k) => this.#isExhausted(k));
  }

  memory(): BestMemory {
    return { best: this.#best.map((best) => best ?? null), waited: [...this.#waited] };
  }

  #isExhausted(k: number): boolean {
    const { early_stopping_patience: patience } = this.#args;
    return patience !== undefined && this.#waited[k]! >= patience;
  }

  /** @throws ERR_INVALID_OPTION if evaluations will not have the metric */
  requireMetric(names: readonly string[]): void {
    if (names.includes(this.#key)) return;
    const near = nearest(this.#key, names);
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `metric_for_best_model: there is no "${this.#key}"; there are ${names.join(', ')}`,
      near === undefined ? {} : { remedy: `Did you mean ${near.slice(5)}?` },
    );
  }
}
