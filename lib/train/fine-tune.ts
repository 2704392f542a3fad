/** A whole fine-tuning as Hugging Face's Trainer runs it: logs, evaluations, checkpoints, best model, early stopping, resume. */
import { join } from 'node:path';
import { phase } from '../phase.ts';
import { type RateDistribution, referenceRate } from '../rates/distribution.ts';
import { runOptions, trainingArguments, type TrainingArguments, type TrainingArgumentsInput } from './arguments.ts';
import { BestKeeper, type BestMemory } from './best.ts';
import { type Calendar, calendar } from './calendar.ts';
import {
  type Checkpoint,
  restoreCheckpoint,
  restoreWeights,
  resumeOf,
  rotateCheckpoints,
  writeCheckpoint,
} from './checkpoint.ts';
import { writeJson } from './files.ts';
import type { Model, Operation } from './model.ts';
import type { Boundary, TrainOptions } from './options.ts';
import { type Protocol, protocolOf, requireSame } from './protocol.ts';
import { resolveTrain } from './resolve.ts';
import { evalMetrics, type Metrics, weightsOutsideEmbeddings } from './results.ts';
import type { Run, RunPlan, RunResult } from './run.ts';
import { evaluationSplits, longestRow, rowsOf, type Task } from './task.ts';
import { type Best, type LogEntry, trainerState } from './trainer-state.ts';

export interface FineTuneOptions
  extends Operation,
    Pick<TrainOptions, 'regularizers' | 'anchored' | 'mix' | 'beside' | 'profile'> {
  readonly task: Task;
  readonly rates: RateDistribution | readonly RateDistribution[];
  /** Hugging Face's TrainingArguments. */
  readonly args?: TrainingArgumentsInput;
  /** Where checkpoints go; without it none are written. */
  readonly outputDir?: string;
  /** Go on from here; the model must have been opened with the checkpoint's seed and, on the same kind of device, its matmul and threads. */
  readonly resume?: Checkpoint;
}

export interface FineTuneResult {
  readonly run: RunResult;
  /** By replica. */
  readonly history: readonly (readonly LogEntry[])[];
  readonly best: readonly (Best | undefined)[];
  /** trainer_state.json by replica. */
  readonly states: readonly Readonly<Record<string, unknown>>[];
  readonly protocol: Protocol;
  readonly args: TrainingArguments;
}

export interface FineTuning {
  /** Its events; stop it here. */
  readonly run: Run;
  readonly result: Promise<FineTuneResult>;
  /** What a user should know of a resumed run. */
  readonly notes: readonly string[];
}

/** @throws at once for wrong options; `result` rejects with what stopped the run */
export function fineTune(model: Model, options: FineTuneOptions): FineTuning {
  const args = trainingArguments(options.args ?? {});
  const tuning = new Tuning(model, options, args);
  const run = model.train(tuning.trainOptions());
  const result = run.result.then((done) => tuning.finish(done));
  // The run's own promise and iterator carry the same error.
  result.catch(() => undefined);
  return { run, result, notes: tuning.notes };
}

/** What the trainer remembers over an interruption. */
interface Memory {
  history: LogEntry[][];
  best: BestMemory;
  /** Step of the last log entry. */
  logged: number;
}

class Tuning {
  readonly notes: readonly string[];
  readonly #model: Model;
  readonly #options: FineTuneOptions;
  readonly #args: TrainingArguments;
  readonly #plan: RunPlan;
  readonly #calendar: Calendar;
  readonly #protocol: Protocol;
  readonly #best: BestKeeper;
  readonly #history: LogEntry[][];
  readonly #referenceRates: readonly number[];
  #logged = 0;

  constructor(model: Model, options: FineTuneOptions, args: TrainingArguments) {
    this.#model = model;
    this.#options = options;
    this.#args = args;
    const { rates, resume, task } = options;
    this.#plan = resolveTrain(contextOf(model), this.#base());
    this.#calendar = calendar(args, this.#plan.counts);
    this.#protocol = protocolOf(model, this.#plan, task.splits['train']!);
    const memory = resume?.state.trainer as Memory | undefined;
    this.notes = resume === undefined ? [] : requireSame(resume.folder, resume.state.protocol, this.#protocol);
    this.#best = new BestKeeper(args, model.replicas, memory?.best);
    if (args.load_best_model_at_end || args.save_strategy === 'best') this.#best.requireMetric(metricNames(task));
    this.#history = memory?.history.map((entries) => [...entries]) ?? Array.from({ length: model.replicas }, () => []);
    this.#logged = memory?.logged ?? 0;
    const list = Array.isArray(rates)
      ? (rates as readonly RateDistribution[])
      : new Array<RateDistribution>(model.replicas).fill(rates as RateDistribution);
    this.#referenceRates = list.map((distribution) => referenceRate(distribution));
  }

  #base(): TrainOptions {
    const { task, rates, signal, regularizers, anchored, mix, beside, profile } = this.#options;
    return {
      task,
      rates,
      ...runOptions(this.#args),
      loggingSteps: 0,
      ...(signal === undefined ? {} : { signal }),
      ...(regularizers === undefined ? {} : { regularizers }),
      ...(anchored === undefined ? {} : { anchored }),
      ...(mix === undefined ? {} : { mix }),
      ...(beside === undefined ? {} : { beside }),
      ...(profile === undefined ? {} : { profile }),
    };
  }

  trainOptions(): TrainOptions {
    const { resume } = this.#options;
    return {
      ...this.#base(),
      pauseEvery: this.#calendar.pauseEvery,
      pauseAt: this.#calendar.pauseAt,
      onPause: (boundary) => this.#pause(boundary),
      ...(resume === undefined
        ? {}
        : {
            resume: resumeOf(resume, async () => {
              await restoreCheckpoint(resume, this.#model, this.#head());
              this.#model.steps = resume.state.model_steps;
            }),
          }),
    };
  }

  async #pause(boundary: Boundary): Promise<'stop' | void> {
    const { step, epochEnd } = boundary;
    if (this.#calendar.logs(step, epochEnd)) this.#log(boundary);
    let improved = false;
    if (this.#calendar.evaluates(step, epochEnd)) improved = await this.#evaluate(boundary);
    if (this.#calendar.saves(step, epochEnd) || (this.#args.save_strategy === 'best' && improved))
      await this.#save(boundary);
    return this.#best.exhausted() ? 'stop' : undefined;
  }

  #log({ step, epoch, losses, gradNorms, emit }: Boundary): void {
    const factor = (k: number): number => this.#plan.factors[k * this.#plan.counts.total + step] ?? 0;
    const means = losses.map((series) => mean(series.subarray(this.#logged, step)));
    for (const [k, loss] of means.entries()) {
      this.#history[k]!.push({
        loss,
        grad_norm: gradNorms[k]![step - 1]!,
        learning_rate: this.#referenceRates[k]! * (step < this.#plan.counts.total ? factor(k) : 0),
        epoch,
        step,
      });
    }
    emit({
      type: 'log',
      step,
      epoch,
      losses: means,
      gradNorms: gradNorms.map((series) => series[step - 1]!),
      factor: step < this.#plan.counts.total ? factor(0) : 0,
    });
    this.#logged = step;
  }

  /** Evaluates on the first evaluation split, as run_glue does during training. True if some replica got better. */
  async #evaluate({ step, epoch, emit }: Boundary): Promise<boolean> {
    const { task, signal } = this.#options;
    const split = evaluationSplits(task)[0]!;
    const rows = task.splits[split]!;
    const began = performance.now();
    const scores = await this.#model.evaluate(task, {
      split,
      batchTokens: evalBatchTokens(this.#args, rows),
      labelSmoothing: this.#args.label_smoothing_factor,
      ...(signal === undefined ? {} : { signal }),
    });
    const seconds = (performance.now() - began) / 1000;
    emit({ type: 'evaluation', step, epoch, task: task.name, split, scores, seconds });
    const samples = rowsOf(rows);
    const metrics = scores.map((score) =>
      evalMetrics(score, {
        samples,
        batches: Math.ceil(samples / this.#args.per_device_eval_batch_size),
        seconds,
        epoch,
      }),
    );
    for (const [k, entry] of metrics.entries()) this.#history[k]!.push(logged(entry, step));
    return this.#best.tell(step, metrics);
  }

  async #save(boundary: Boundary): Promise<void> {
    const { outputDir } = this.#options;
    if (outputDir === undefined) return;
    const folder = join(outputDir, `checkpoint-${boundary.step}`);
    this.#best.saved(boundary.step, folder);
    const states = this.#states(boundary.step, boundary.epoch, boundary.tokens);
    const memory: Memory = { history: this.#history, best: this.#best.memory(), logged: this.#logged };
    await phase('writing a checkpoint', () =>
      writeCheckpoint({
        model: this.#model,
        outputDir,
        head: this.#head(),
        boundary,
        protocol: this.#protocol,
        trainer: memory,
        trainerState: states[0]!,
      }),
    );
    for (const [k, state] of states.entries())
      if (k > 0) await writeJson(join(folder, `trainer_state-${k}.json`), state, 2);
    await rotateCheckpoints(
      outputDir,
      this.#args.save_total_limit,
      this.#args.load_best_model_at_end ? this.#best.folders() : new Set(),
    );
    boundary.emit({ type: 'checkpoint', step: boundary.step, folder });
  }

  #states(step: number, epoch: number, tokens: number): Readonly<Record<string, unknown>>[] {
    const flos = 6 * tokens * weightsOutsideEmbeddings(this.#model.parameters);
    const { loggingSteps, evalSteps, saveSteps } = this.#calendar;
    return this.#history.map((history, k) =>
      trainerState({
        step,
        total: this.#plan.counts.total,
        batchSize: this.#plan.counts.batchSize,
        epoch,
        epochs: this.#plan.counts.epochs,
        best: this.#best.best(k),
        history,
        flos,
        loggingSteps,
        evalSteps,
        saveSteps,
      }),
    );
  }

  #head(): Model['heads'][number] {
    return this.#model.heads[this.#model.head(this.#options.task.name)]!;
  }

  async finish(run: RunResult): Promise<FineTuneResult> {
    const best = this.#history.map((_, k) => this.#best.best(k));
    if (this.#args.load_best_model_at_end) {
      for (const [k, entry] of best.entries())
        if (entry?.folder !== undefined && entry.step !== run.steps)
          await restoreWeights(entry.folder, this.#model, this.#head(), k);
    }
    return {
      run,
      history: this.#history,
      best,
      states: this.#states(run.steps, run.epochs, run.tokens),
      protocol: this.#protocol,
      args: this.#args,
    };
  }
}

function contextOf(model: Model): Parameters<typeof resolveTrain>[0] {
  return {
    replicas: model.replicas,
    seed: model.spec.seed,
    heads: model.heads,
    parameters: model.parameters,
    dataset: (split) => model.dataset(split),
    head: (name) => model.head(name),
  };
}

/** `per_device_eval_batch_size` rows of the longest kind; shorter rows are packed together. */
export function evalBatchTokens(
  args: Pick<TrainingArguments, 'per_device_eval_batch_size'>,
  rows: Task['splits'][string],
): number {
  return Math.max(args.per_device_eval_batch_size * longestRow(rows), 512);
}

/** As a Trainer logs it: run_glue adds the number of rows only to its result file. */
function logged(metrics: Metrics, step: number): LogEntry {
  return Object.fromEntries([...Object.entries(metrics).filter(([key]) => key !== 'eval_samples'), ['step', step]]);
}

/** Keys that an evaluation of the task will have. */
function metricNames(task: Task): readonly string[] {
  const split = evaluationSplits(task)[0];
  if (split === undefined) return [];
  const { labels } = task.splits[split]!;
  return ['eval_loss', ...Object.keys(task.score(labels, labels)).map((name) => `eval_${name}`)];
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
