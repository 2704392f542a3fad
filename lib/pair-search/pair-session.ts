/** A pair of tasks under one seed, ready to train batches of candidates: replicas of one session. */
import { requireHead } from '../forgetting/first-model.ts';
import { remember } from '../forgetting/memory.ts';
import { deviceKind, deviceNames, deviceText, gpuName } from '../native/devices.ts';
import { loadNative } from '../native/load.ts';
import type { TaskMetric } from '../report/shift-record.ts';
import { openModel } from '../train/open.ts';
import { inParts, replicasThatFit, type Work } from '../train/parts.ts';
import type { Beginning, BatchRun, Ending, PairRunOptions } from './batch-run.ts';
import { runBothStages } from './both-stages.ts';
import type { Candidate } from './candidate.ts';
import { type FirstStageOptions, takeFirstStage } from './kept-first-stage.ts';
import type { PairOptions } from './options.ts';
import { type PairModel, pairModel, scoresOf } from './pair-model.ts';
import { runSecondStage } from './second-stage.ts';
import { lastStep, requireWhole, secondTraining } from './stage-training.ts';

const fisherRows = 1000;

export class PairSession implements AsyncDisposable {
  /** Score of the first task before the second; NaN in paper mode, where each candidate has its own. */
  readonly before: number;
  readonly #pair: PairModel;
  readonly #beginning: Beginning;
  /** Candidates side by side, since memory ran short. */
  #most = Infinity;

  private constructor(pair: PairModel, beginning: Beginning, before: number) {
    this.#pair = pair;
    this.#beginning = beginning;
    this.before = before;
  }

  /** Opens the model and, in keep mode, trains the first stage or takes a kept one. */
  static async open(options: PairOptions, opening: FirstStageOptions = {}): Promise<PairSession> {
    const { firstModel, seed = 42 } = options;
    const { signal } = opening;
    const model = await openModel({
      ...options.session,
      path: firstModel ?? options.model,
      tasks: options.tasks,
      replicas: 1,
      seed,
      ...(signal && { signal }),
    });
    try {
      requireWhole(lastStep(options));
      if (firstModel !== undefined) requireHead(model, options.tasks[0].name, firstModel);
      const pair = pairModel(options, model);
      if (pair.mode === 'keep' && firstModel === undefined) await takeFirstStage(pair, opening);
      const before = pair.mode === 'keep' ? (await scoresOf(pair, 0, signal))[0]! : NaN;
      return new PairSession(pair, await beginningOf(pair, signal), before);
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  get metrics(): readonly [TaskMetric, TaskMetric] {
    return this.#pair.metrics;
  }

  /** The kind of device, how many, and which card; undefined for the processor. */
  get device(): string | undefined {
    const { device } = this.#pair.model.spec;
    if (device === 'cpu') return undefined;
    return deviceText(deviceKind(device), deviceNames(device).length, gpuName(device, loadNative().info()));
  }

  /** The library chosen for matrix products: another one gives other bits. */
  get matmul(): string {
    return this.#pair.model.session.matmul();
  }

  /** A trial's last step, see `lastStep`. */
  get maxStep(): number {
    return lastStep(this.#pair.options);
  }

  /** Trains all candidates, side by side as far as there is memory. @returns how each ended, in their order */
  async run(candidates: readonly Candidate[], options: PairRunOptions): Promise<readonly Ending[]> {
    const endings = new Array<Ending>(candidates.length);
    await inParts(
      [...candidates.keys()],
      Math.min(this.#most, await this.#fit(candidates.length, options.signal)),
      async (part) => {
        // Of a part that begins again, some may have ended.
        const which = part.filter((index) => endings[index] === undefined);
        if (which.length > 0) await this.#runPart(which, candidates, options, endings);
        return part;
      },
      (fewer) => {
        this.#most = Math.min(this.#most, fewer.size);
        options.onFewer?.(fewer);
      },
    );
    return endings;
  }

  async #fit(wanted: number, signal: AbortSignal | undefined): Promise<number> {
    const { model, options, mode } = this.#pair;
    const { batchSize, batchTokens } = secondTraining(options);
    const work: Work = {
      tasks: options.tasks,
      // In paper mode each has the state between its stages.
      slots: mode === 'paper' ? 1 : 0,
      ...(batchSize === undefined ? {} : { batchSize }),
      ...(batchTokens === undefined ? {} : { batchTokens }),
    };
    return replicasThatFit(model, wanted, work, signal);
  }

  async #runPart(
    which: readonly number[],
    candidates: readonly Candidate[],
    options: PairRunOptions,
    all: Ending[],
  ): Promise<void> {
    const endings = new Array<Ending>(which.length);
    const own = (list: ReadonlySet<number>): Set<number> =>
      new Set([...list].map((index) => which.indexOf(index)).filter((place) => place >= 0));
    const run: BatchRun = {
      pair: this.#pair,
      beginning: this.#beginning,
      candidates: which.map((index) => candidates[index]!),
      options: {
        ...options,
        onRung: async (step, scores) =>
          own(await options.onRung(step, new Map([...scores].map(([place, each]) => [which[place]!, each])))),
      },
      endings,
    };
    try {
      await this.#back(which.length);
      if (this.#pair.mode === 'paper') await runBothStages(run);
      else
        await runSecondStage(
          run,
          [...which.keys()],
          which.map(() => this.before),
        );
    } finally {
      for (const [place, ending] of endings.entries()) if (ending !== undefined) all[which[place]!] = ending;
    }
  }

  /** So many copies of the state that candidates begin from. */
  async #back(replicas: number): Promise<void> {
    const { model } = this.#pair;
    const { slot, steps } = this.#beginning;
    await model.setReplicas(new Array<number>(replicas).fill(0));
    await model.session.restore(slot);
    model.steps = steps;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pair.model.dispose();
  }
}

async function beginningOf({ model, options }: PairModel, signal: AbortSignal | undefined): Promise<Beginning> {
  const { penalty, tasks, seed = 42 } = options;
  const remembering = /^ewc(-online)?$/.test(penalty?.name ?? '');
  const fisher = { rows: fisherRows, labels: 'data', seed, signal } as const;
  return {
    memory: remembering ? await remember(model, tasks[0], tasks[0].name, fisher) : undefined,
    slot: await model.session.snapshot('all'),
    steps: model.steps,
  };
}
