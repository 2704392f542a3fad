/** A model under one seed: trained stage by stage, scored, and brought back to where it was. */
import type { SequenceMeasured } from '../report/sequence-record.ts';
import type { RateDistribution } from '../rates/distribution.ts';
import type { Model } from '../train/model.ts';
import type { TrainOptions } from '../train/options.ts';
import { inParts, replicasThatFit } from '../train/parts.ts';
import type { RunResult } from '../train/run.ts';
import type { Task } from '../train/task.ts';
import { measureBefore, type StageMeasurement } from './measure/index.ts';
import type { Pretrained } from './pretrained.ts';
import { scoreOf } from './scores.ts';
import type { Place, SequenceEvent } from './sequence-events.ts';
import type { SequencePlan } from './sequence-plan.ts';
import { headOf, type StageSetting } from './stage.ts';

/** Counts work over all seeds and passes events on. */
export interface Teller {
  tell(event: SequenceEvent): void;
  done: number;
  readonly total: number;
}

/** A state of all weights and moments to come back to. */
export interface Mark {
  readonly slot: number;
  readonly steps: number;
}

export class StageTrainer {
  /** Replicas at once, since memory ran short. */
  #most = Infinity;
  tokens = 0;
  readonly measured: SequenceMeasured[] = [];
  readonly plan: SequencePlan;
  readonly seed: number;
  readonly model: Model;
  readonly teller: Teller;
  readonly pretrained: Pretrained;

  constructor(plan: SequencePlan, seed: number, model: Model, teller: Teller, pretrained: Pretrained) {
    this.plan = plan;
    this.seed = seed;
    this.model = model;
    this.teller = teller;
    this.pretrained = pretrained;
  }

  /** One stage to its end. `finite`: replicas that were so before; only theirs is told if they stop. */
  async train(
    place: Place,
    order: readonly number[],
    { rates, regularizers, mix, beside, steps }: StageSetting,
    work: number,
    names: readonly string[],
    finite: readonly boolean[] = names.map(() => true),
    moments: TrainOptions['moments'] = this.plan.momentsAt(place.stage - 1),
  ): Promise<RunResult> {
    const plan = this.plan;
    const { signal } = plan.options;
    const stage = place.stage - 1;
    const task = plan.tasks[order[stage]!]!;
    const head = headOf(plan, task);
    const { loss, ...training } = plan.trainingAt(stage);
    const replicas = this.model.replicas;
    this.teller.tell({ ...place, type: 'stage', replicas, steps });
    await using run = this.model.train({
      ...training,
      // The paper's loss is for classes.
      ...(loss === undefined || (loss === 'double-softmax' && task.labels === null) ? {} : { loss }),
      task,
      head,
      rates: oneOrAll(rates, replicas),
      stage,
      seed: this.seed,
      moments,
      loggingSteps: 0,
      mix,
      beside,
      ...(regularizers.length === 0 ? {} : { regularizers }),
      ...(plan.sameHead && stage > 0 ? { anchored: ['bert.*', `classifier.${head}.*`] } : {}),
      ...(signal === undefined ? {} : { signal }),
    });
    let last = 0;
    const tellStep = (step: number, losses: readonly number[], tokensPerSecond: number): void => {
      const progress = { done: this.teller.done + (work * step) / steps, total: this.teller.total };
      this.teller.tell({ ...place, type: 'step', step, of: steps, losses, tokensPerSecond, progress, dropped: 0 });
    };
    for await (const event of run) {
      if (event.type === 'step') {
        last = event.step;
        tellStep(event.step, event.losses, event.tokensPerSecond);
      } else if (event.type === 'not-finite' && finite[event.replica]) {
        this.teller.tell({ ...place, type: 'not-finite', combination: names[event.replica]!, step: event.step });
      }
    }
    const result = await run.result;
    if (last < steps)
      tellStep(
        steps,
        result.losses.map((losses) => losses.at(-1) ?? NaN),
        result.tokens / result.seconds,
      );
    this.teller.done += work;
    this.tokens += result.tokens;
    return result;
  }

  /** Row of the matrix after a stage: by task in the order of learning, by replica; null where it is not measured. */
  async row(place: Place, order: readonly number[]): Promise<(readonly (number | null)[])[]> {
    const measured = this.plan.zeroShot ? order.length : place.stage;
    const scores = await this.scoreAll(order.slice(0, measured), place);
    return order.map((_, j) => scores[j] ?? new Array<null>(this.model.replicas).fill(null));
  }

  /** Scores of these tasks by replica. */
  async scoreAll(which: readonly number[], place?: Place): Promise<number[][]> {
    const { tasks, metrics, heads, split, options } = this.plan;
    const all: number[][] = [];
    for (const t of which) {
      const task = tasks[t]!;
      const scores = await this.model.evaluate(task, {
        split,
        head: heads[t]!,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      const values = scores.map((score) => scoreOf(metrics[t]!, task, score, split));
      if (place !== undefined)
        this.teller.tell({ ...place, type: 'scores', metric: metrics[t]!.metric, scored: task.name, scores: values });
      all.push(values);
    }
    return all;
  }

  /** Begins the measures of a stage: of the first task in the order, and of the task that the stage trains. */
  async measure(order: readonly number[], stage: number): Promise<StageMeasurement | undefined> {
    const { measures: plan, tasks, heads, split, options } = this.plan;
    if (plan === undefined || stage === 0) return undefined;
    const named = (t: number): Task => ({ ...tasks[t]!, name: heads[t]! });
    const { signal } = options;
    return measureBefore(this.model, {
      plan,
      tasks: [named(order[0]!), named(order[stage]!)],
      seed: this.seed,
      split,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /**
   * Runs these as replicas, in parts where memory is short (see inParts).
   *
   * @param where the stage that memory is to be found for: it and those after it
   */
  async sideBySide<T, R>(
    members: readonly T[],
    where: { readonly order: readonly number[]; readonly stage: number; readonly pass: string },
    run: (part: readonly T[]) => Promise<readonly R[]>,
  ): Promise<readonly R[]> {
    const { plan, teller, seed } = this;
    const stages = where.order.slice(where.stage);
    // Anchors, Fisher information and the state before a stage: at most three of each replica's own.
    const slots = plan.penalties.some(({ name }) => name !== 'none') || plan.measures !== undefined ? 3 : 0;
    const trainings = stages.map((_, i) => plan.trainingAt(where.stage + i));
    const of = (key: 'batchSize' | 'batchTokens'): number | undefined => {
      const values = trainings.flatMap((training) => training[key] ?? []);
      return values.length === 0 ? undefined : Math.max(...values);
    };
    const [batchSize, batchTokens] = [of('batchSize'), of('batchTokens')];
    const most = await replicasThatFit(
      this.model,
      members.length,
      {
        tasks: where.order.map((t) => plan.tasks[t]!),
        slots,
        ...(batchSize === undefined ? {} : { batchSize }),
        ...(batchTokens === undefined ? {} : { batchTokens }),
      },
      plan.options.signal,
    );
    let { done } = teller;
    let measured = this.measured.length;
    const place = { seed, order: plan.orders.indexOf(where.order), pass: where.pass, stage: where.stage + 1 };
    const task = plan.tasks[stages[0]!]!.name;
    return inParts(
      members,
      Math.min(most, this.#most),
      async (part) => {
        done = teller.done;
        measured = this.measured.length;
        return run(part);
      },
      (fewer) => {
        this.#most = Math.min(this.#most, fewer.size);
        // What begins again is not done.
        teller.done = done;
        this.measured.length = measured;
        teller.tell({ ...place, task, type: 'fewer', ...fewer });
      },
    );
  }

  async mark(): Promise<Mark> {
    return { slot: await this.model.session.snapshot('all'), steps: this.model.steps };
  }

  /** So many copies of a marked state. */
  async back({ slot, steps }: Mark, replicas: number): Promise<void> {
    await this.model.setReplicas(new Array<number>(replicas).fill(0));
    await this.model.session.restore(slot);
    this.model.steps = steps;
  }
}

function oneOrAll(rates: readonly RateDistribution[], replicas: number): TrainOptions['rates'] {
  return replicas === 1 ? rates[0]! : rates;
}
