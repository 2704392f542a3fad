/** A pair of tasks under one seed, ready to train batches of candidates: replicas of one session. */
import { join } from 'node:path';
import { LrdistError } from '../errors.ts';
import { cacheFolder } from '../data/cache.ts';
import { requireHead } from '../forgetting/first-model.ts';
import type { StageTraining } from '../forgetting/options.ts';
import { type Memory, remember } from '../forgetting/memory.ts';
import { metricOf, pairScores, scoreOf } from '../forgetting/scores.ts';
import { regularizerOf } from '../forgetting/stage.ts';
import { flat } from '../rates/distribution.ts';
import type { PairScores, TaskMetric } from '../report/shift-record.ts';
import type { Model } from '../train/model.ts';
import { openModel } from '../train/open.ts';
import { countSteps } from '../train/plan.ts';
import type { Regularizer } from '../train/regularizers.ts';
import { rowsOf, splitOf } from '../train/task.ts';
import type { Candidate } from './candidate.ts';
import { firstStageConfiguration, modelDigest } from './configuration.ts';
import { firstStagePath, loadFirstStage, storeFirstStage } from './first-stage.ts';
import type { PairOptions } from './options.ts';
import { type Member, runInStages } from './staged-run.ts';

export interface PairStep {
  readonly stage: 1 | 2;
  readonly step: number;
  readonly of: number;
  readonly losses: readonly number[];
}

export interface PairRunOptions {
  readonly signal?: AbortSignal;
  /** Where the candidates are scored before their end: steps of the trials, see `maxStep`. */
  readonly rungs: readonly number[];
  /** Scores of those that still run, at a rung; resolves to the ones that go on. Not asked after a candidate's last step. */
  readonly onRung: (step: number, scores: ReadonlyMap<number, RungScores>) => Promise<ReadonlySet<number>>;
  readonly onStep?: (step: PairStep) => void;
}

/** In paper mode's first stage there is only `before`. */
export type RungScores = PairScores | { readonly before: number };

export type Ending =
  | { readonly state: 'complete'; readonly scores: PairScores }
  | { readonly state: 'pruned' }
  | { readonly state: 'not_finite' };

interface Begin {
  readonly slot: number;
  readonly steps: number;
  readonly memory: Memory | undefined;
}

const fisherRows = 1000;

export class PairSession implements AsyncDisposable {
  readonly metrics: readonly [TaskMetric, TaskMetric];
  readonly mode: 'keep' | 'paper';
  /** Score of the first task before the second; NaN in paper mode, where each candidate has its own. */
  before = NaN;
  readonly #options: PairOptions;
  readonly #model: Model;
  readonly #split: string;
  #begin: Begin | undefined;

  private constructor(options: PairOptions, model: Model) {
    this.#options = options;
    this.#model = model;
    this.#split = options.split ?? 'selection';
    this.mode = options.mode ?? 'keep';
    const metric = (i: 0 | 1): TaskMetric => metricOf(options.tasks[i], this.mode, this.#split);
    this.metrics = [metric(0), metric(1)];
  }

  /** Opens the model and, in keep mode, trains the first stage or takes a kept one. */
  static async open(options: PairOptions, signal?: AbortSignal): Promise<PairSession> {
    const { firstModel, seed = 42 } = options;
    const model = await openModel({
      ...options.session,
      path: firstModel ?? options.model,
      tasks: options.tasks,
      replicas: 1,
      seed,
      ...(signal && { signal }),
    });
    const session = new PairSession(options, model);
    try {
      requireWhole(session.maxStep);
      if (firstModel !== undefined) requireHead(model, options.tasks[0].name, firstModel);
      await session.#prepare(signal);
      return session;
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  /** The library chosen for matrix products: another one gives other bits. */
  get matmul(): string {
    return this.#model.session.matmul();
  }

  /** A trial's last step: the epochs of the second stage; in paper mode those of the first, and one for the second (as the published code counts). */
  get maxStep(): number {
    return this.mode === 'paper' ? this.#epochs(this.#firstTraining()) + 1 : this.#epochs(this.#secondTraining());
  }

  /** Trains all candidates side by side. @returns how each ended, in their order */
  async run(candidates: readonly Candidate[], options: PairRunOptions): Promise<readonly Ending[]> {
    const endings = new Array<Ending>(candidates.length);
    await this.#back(candidates.length);
    const all = candidates.map((_, index) => index);
    if (this.mode === 'keep')
      await this.#second(
        candidates,
        all,
        all.map(() => this.before),
        options,
        endings,
      );
    else await this.#both(candidates, all, options, endings);
    return endings;
  }

  async #prepare(signal: AbortSignal | undefined): Promise<void> {
    const model = this.#model;
    const { firstModel, cache, tasks, penalty, seed = 42 } = this.#options;
    if (this.mode === 'keep') {
      if (firstModel === undefined) {
        const rates = this.#options.firstRates ?? flat(5e-5);
        const training = this.#firstTraining();
        const folder = cache === false ? undefined : (cache ?? join(cacheFolder(), 'first-stages'));
        const configuration = firstStageConfiguration({
          model,
          modelDigest: await modelDigest(this.#options.model),
          task: tasks[0],
          training,
          rates,
        });
        const path = folder === undefined ? undefined : firstStagePath(folder, configuration);
        const found = path === undefined ? undefined : await loadFirstStage(path, model);
        if (found !== undefined) model.steps = found.steps;
        else {
          await using run = model.train({
            ...training,
            task: tasks[0],
            rates,
            loggingSteps: 0,
            ...(signal && { signal }),
          });
          await run.result;
          if (path !== undefined) await storeFirstStage(path, model, { steps: model.steps });
        }
      }
      [this.before] = (await this.#scores(0, signal)) as [number];
    }
    const remembering = /^ewc(-online)?$/.test(penalty?.name ?? '');
    const fisher = { rows: fisherRows, labels: 'data', seed, signal } as const;
    this.#begin = {
      memory: remembering ? await remember(model, tasks[0], tasks[0].name, fisher) : undefined,
      slot: await model.session.snapshot('all'),
      steps: model.steps,
    };
  }

  /** So many copies of the state that candidates begin from. */
  async #back(replicas: number): Promise<void> {
    const { slot, steps } = this.#begin!;
    await this.#model.setReplicas(new Array<number>(replicas).fill(0));
    await this.#model.session.restore(slot);
    this.#model.steps = steps;
  }

  /** Paper mode: a first stage by each candidate's rates, those with the same ones trained once. */
  async #both(
    candidates: readonly Candidate[],
    all: readonly number[],
    options: PairRunOptions,
    endings: Ending[],
  ): Promise<void> {
    const training = this.#firstTraining();
    const keys = candidates.map(({ distribution, weightDecay, warmupRatio }) =>
      JSON.stringify([distribution.groups, distribution.stages[0], weightDecay, warmupRatio]),
    );
    const unique = [...new Set(keys)];
    const first = unique.map((key) => keys.indexOf(key));
    await this.#model.setReplicas(first.map(() => 0));
    const epochs = this.#epochs(training);
    const members = first.map((index) =>
      this.#member(candidates[index]!, index, { training, epochs, regularizer: { kind: 'none' } }),
    );
    const sharing = ({ index }: Member): number[] => all.filter((i) => keys[i] === keys[index]);
    let going: readonly number[] = [];
    let before: readonly number[] = [];
    await runInStages(this.#stage(members, training, 0, options), async ({ epoch, members: trained, finite }) => {
      const scores = await this.#scores(0, options.signal);
      for (const [k, member] of trained.entries())
        if (!finite[k]) for (const index of sharing(member)) endings[index] = { state: 'not_finite' };
      const known = new Map(
        trained.flatMap((member, k) => (finite[k]! ? sharing(member).map((i) => [i, { before: scores[k]! }]) : [])),
      );
      const goOn =
        options.rungs.includes(epoch) && known.size > 0 ? await options.onRung(epoch, known) : new Set(known.keys());
      for (const index of known.keys()) if (!goOn.has(index)) endings[index] = { state: 'pruned' };
      if (epoch === epochs) {
        going = [...known.keys()].filter((index) => goOn.has(index)).sort((a, b) => a - b);
        before = going.map((index) => known.get(index)!.before);
        const place = going.map((index) => trained.findIndex((member) => sharing(member).includes(index)));
        if (going.length > 0) await this.#model.setReplicas(place);
      }
      return trained.filter((member) => sharing(member).some((index) => goOn.has(index)));
    });
    if (going.length > 0) await this.#second(candidates, going, before, { ...options, rungs: [] }, endings);
  }

  /** The second stage of these candidates: replica k is that of `which[k]`. */
  async #second(
    candidates: readonly Candidate[],
    which: readonly number[],
    before: readonly number[],
    options: PairRunOptions,
    endings: Ending[],
  ): Promise<void> {
    const training = this.#secondTraining();
    const { slot, memory } = this.#begin!;
    const start = this.mode === 'keep' ? slot : await this.#model.session.snapshot('weights');
    const members = which.map((index) => {
      const candidate = candidates[index]!;
      const regularizer = this.#regularizer(candidate, training, start, memory);
      return this.#member(candidate, index, {
        training,
        epochs: candidate.epochs ?? this.#epochs(training),
        regularizer,
      });
    });
    try {
      await runInStages(this.#stage(members, training, 1, options), async ({ epoch, members: trained, finite }) => {
        const [p_o, p_s] = [await this.#scores(0, options.signal), await this.#scores(1, options.signal)];
        const running = new Map<number, RungScores>();
        for (const [k, { index, epochs }] of trained.entries()) {
          const scores = pairScores(this.metrics, before[which.indexOf(index)]!, p_s[k]!, p_o[k]!);
          if (!finite[k]) endings[index] = { state: 'not_finite' };
          else if (epochs === epoch) endings[index] = { state: 'complete', scores };
          else running.set(index, scores);
        }
        if (running.size === 0) return [];
        const going = options.rungs.includes(epoch) ? await options.onRung(epoch, running) : new Set(running.keys());
        for (const index of running.keys()) if (!going.has(index)) endings[index] = { state: 'pruned' };
        return trained.filter(({ index }) => going.has(index));
      });
    } finally {
      if (start !== slot) this.#model.session.release(start);
    }
  }

  #stage(members: readonly Member[], training: StageTraining, stage: 0 | 1, { signal, rungs, onStep }: PairRunOptions) {
    const common = without(training, 'epochs', 'maxSteps', 'schedule', 'weightDecay');
    const task = this.#options.tasks[stage];
    const { moments = 'fresh' } = this.#options;
    return {
      model: this.#model,
      members,
      stops: rungs,
      common: {
        ...common,
        task,
        // The paper's loss is for classes.
        ...(common.loss === 'double-softmax' && task.labels === null ? { loss: 'mse' as const } : {}),
        stage,
        moments: stage === 1 && this.mode === 'paper' ? moments : ('fresh' as const),
        ...(signal && { signal }),
      },
      onStep: (step: number, of: number, _members: readonly Member[], losses: readonly number[]) =>
        onStep?.({ stage: (stage + 1) as 1 | 2, step, of, losses }),
    };
  }

  #member(
    { distribution, warmupRatio, weightDecay }: Candidate,
    index: number,
    { training, epochs, regularizer }: { training: StageTraining; epochs: number; regularizer: Regularizer },
  ): Member {
    const warmup = warmupRatio === undefined ? {} : { warmup_steps: 0, warmup_ratio: warmupRatio };
    return {
      index,
      distribution,
      epochs,
      schedule: { ...training.schedule, ...warmup },
      weightDecay: weightDecay ?? training.weightDecay ?? 0,
      regularizer,
    };
  }

  #regularizer(
    { penalty: strength }: Candidate,
    training: StageTraining,
    start: number,
    memory: Memory | undefined,
  ): Regularizer {
    const { penalty: kind, tasks } = this.#options;
    if (kind === undefined) return { kind: 'none' };
    const numbers = Object.fromEntries(
      kind.numbers.map(({ name, value }, i) => [name, i === 0 ? (strength ?? value) : value]),
    );
    const { total } = countSteps({
      rows: rowsOf(splitOf(tasks[1], 'train')),
      batchSize: training.batchSize ?? 8,
      accumulation: training.gradientAccumulationSteps ?? 1,
      epochs: this.#epochs(training),
      maxSteps: -1,
    });
    const pretrained = { weights: undefined, fisher: undefined };
    return regularizerOf(
      { kind, name: kind.name, numbers },
      { pretrained, memory, start, childFisher: undefined },
      total,
    );
  }

  /** Scores of one of the tasks by replica. */
  async #scores(which: 0 | 1, signal: AbortSignal | undefined): Promise<readonly number[]> {
    const task = this.#options.tasks[which];
    const scores = await this.#model.evaluate(task, { split: this.#split, ...(signal && { signal }) });
    return scores.map((score) => scoreOf(this.metrics[which], task, score, this.#split));
  }

  #firstTraining(): StageTraining {
    return { ...this.#options.training, ...this.#options.firstTraining };
  }

  #secondTraining(): StageTraining {
    return this.#options.training ?? {};
  }

  #epochs({ epochs = 3, maxSteps = -1 }: StageTraining): number {
    return maxSteps > 0 ? NaN : epochs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.dispose();
  }
}

/** Trials are compared, and ended early, at the ends of epochs. @throws ERR_INVALID_OPTION */
function requireWhole(maxStep: number): void {
  if (Number.isInteger(maxStep) && maxStep >= 1) return;
  throw new LrdistError('ERR_INVALID_OPTION', 'num_train_epochs: a search needs whole epochs', {
    remedy:
      'Trials are compared, and ended early, at the ends of epochs: give a whole number, and leave max_steps out.',
  });
}

function without<T extends object, K extends keyof T>(object: T, ...keys: readonly K[]): Omit<T, K> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key as K))) as Omit<T, K>;
}
