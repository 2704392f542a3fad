/** All combinations of a sequence under one seed. */
import { isLrdistError } from '../errors.ts';
import type { MeasuresRecord } from '../report/measures-record.ts';
import type { ResultMatrix, SequenceMeasured, SequenceRunRecord } from '../report/sequence-record.ts';
import type { RateDistribution } from '../rates/distribution.ts';
import type { Model } from '../train/model.ts';
import { openModel } from '../train/open.ts';
import type { TrainOptions } from '../train/options.ts';
import type { RunResult } from '../train/run.ts';
import type { Task } from '../train/task.ts';
import { machine } from './environment.ts';
import { sequenceScores } from './matrix.ts';
import { type MeasureAfter, measureBefore, type StageMeasurement } from './measure/index.ts';
import { accumulate, forget, type Memory, remember } from './memory.ts';
import type { Pass } from './passes.ts';
import { penaltyAt } from './penalties.ts';
import { type Pretrained, pretrainedSlots } from './pretrained.ts';
import { scoreOf } from './scores.ts';
import { finalLoss } from './final-loss.ts';
import { requireHead } from './first-model.ts';
import type { Place, SequenceEvent } from './sequence-events.ts';
import { type SequencePlan, stageSteps } from './sequence-plan.ts';
import { stageWork } from './sequence-work.ts';
import { fisherOptions, headOf, remembers, settingOf, type StageSetting } from './stage.ts';

export interface SequenceSeedResult {
  readonly runs: readonly SequenceRunRecord[];
  readonly untrained: readonly number[] | undefined;
  /** By distribution, by task as given. */
  readonly alone: readonly (readonly number[])[] | undefined;
  readonly machine: ReturnType<typeof machine>;
  readonly measured: readonly SequenceMeasured[];
  readonly tokens: number;
  readonly notes: readonly string[];
}

/** Counts work over all seeds and passes events on. */
export interface Teller {
  tell(event: SequenceEvent): void;
  done: number;
  readonly total: number;
}

/** A state of all weights and moments to come back to. */
interface Mark {
  readonly slot: number;
  readonly steps: number;
}

/** What a first stage that all share left behind. */
interface Shared {
  readonly scores: readonly (number | null)[];
  readonly result: RunResult | undefined;
  readonly memory: Memory | undefined;
}

/** @throws ERR_LOSS_NOT_FINITE if no combination stayed finite */
export async function runSequenceSeed(plan: SequencePlan, seed: number, teller: Teller): Promise<SequenceSeedResult> {
  const { options, first, tasks } = plan;
  const { signal } = options;
  const given = first.kind === 'model';
  await using model = await openModel({
    ...options.session,
    path: given ? first.path : options.model,
    tasks: plan.sameHead ? tasks.slice(0, 1) : tasks,
    ...(plan.measures?.measures.includes('masked_lm') === true ? { heads: [{ name: 'mlm', kind: 'masked-lm' }] } : {}),
    replicas: 1,
    seed,
    ...(signal === undefined ? {} : { signal }),
  });
  if (given) requireHead(model, plan.heads[0]!, first.path);
  const run = new SequenceSeed(plan, seed, model, teller, await pretrainedSlots(plan, model, seed));
  const done = await run.all();
  return {
    ...done,
    machine: machine(model),
    measured: run.measured,
    tokens: run.tokens,
    notes: given ? model.loaded.notes : [],
  };
}

class SequenceSeed {
  tokens = 0;
  readonly measured: SequenceMeasured[] = [];
  readonly #plan: SequencePlan;
  readonly #seed: number;
  readonly #model: Model;
  readonly #teller: Teller;
  readonly #pretrained: Pretrained;
  #failure: unknown;

  constructor(plan: SequencePlan, seed: number, model: Model, teller: Teller, pretrained: Pretrained) {
    this.#plan = plan;
    this.#seed = seed;
    this.#model = model;
    this.#teller = teller;
    this.#pretrained = pretrained;
  }

  async all(): Promise<Pick<SequenceSeedResult, 'runs' | 'untrained' | 'alone'>> {
    const plan = this.#plan;
    const keep = plan.mode === 'keep';
    const initial = await this.#mark();
    const untrained =
      plan.zeroShot && plan.first.kind !== 'model'
        ? (await this.#scoreAll(plan.tasks.map((_, t) => t))).map(([score]) => score!)
        : undefined;
    const alone = plan.reference ? await this.#alone(initial) : undefined;
    const runs: SequenceRunRecord[] = [];
    for (const firstTask of new Set(plan.orders.map((order) => order[0]!))) {
      let begin = initial;
      let shared: Shared | undefined;
      if (keep) {
        await this.#back(initial, 1);
        shared = await this.#shared(plan.orders.find((order) => order[0] === firstTask)!);
        begin = await this.#mark();
      }
      for (const [o, order] of plan.orders.entries()) {
        if (order[0] !== firstTask) continue;
        for (const pass of plan.passes) {
          // Before the fork one model stands for all.
          await this.#back(begin, 1);
          const measurement = keep ? await this.#measure(order, 1) : undefined;
          await this.#model.setReplicas(new Array<number>(pass.members.length).fill(0));
          runs.push(...(await this.#pass(pass, o, order, shared, { untrained, alone, measurement })));
        }
      }
      if (shared?.memory !== undefined) forget(this.#model, shared.memory);
      if (begin !== initial) this.#model.session.release(begin.slot);
    }
    if (runs.every(({ state }) => state === 'not_finite') && this.#failure !== undefined) throw this.#failure;
    return { runs: byCombination(plan, runs), untrained, alone };
  }

  /** The first stage of keep mode, or what a given model knows. */
  async #shared(order: readonly number[]): Promise<Shared> {
    const plan = this.#plan;
    const task = plan.tasks[order[0]!]!;
    const place = { seed: this.#seed, order: plan.orders.indexOf(order), pass: 'first', stage: 1, task: task.name };
    let result: RunResult | undefined;
    if (plan.first.kind === 'rates') {
      const { rates } = plan.first;
      const steps = stageSteps(plan.trainingAt(0), task);
      const work = stageWork(plan, 0, order, 1);
      const setting = { rates: [rates], regularizers: [], mix: [], beside: [], steps, temporary: [] };
      result = await this.#train(place, order, setting, work, [rates.name]);
    }
    const scores = await this.#row(place, order);
    const needed = plan.passes.some((pass) => remembers(plan, pass, 1));
    return {
      scores: scores.map((row) => row[0]!),
      result,
      memory: needed
        ? await remember(this.#model, task, headOf(plan, task), fisherOptions({ plan, seed: this.#seed }))
        : undefined,
    };
  }

  /** All stages (in keep mode all but the first) of combinations that train side by side. */
  async #pass(
    pass: Pass,
    orderIndex: number,
    order: readonly number[],
    shared: Shared | undefined,
    context: {
      readonly untrained: readonly number[] | undefined;
      readonly alone: readonly (readonly number[])[] | undefined;
      /** Begun before the fork. */
      readonly measurement: StageMeasurement | undefined;
    },
  ): Promise<SequenceRunRecord[]> {
    const plan = this.#plan;
    const T = order.length;
    const K = pass.members.length;
    const rows: (readonly (readonly (number | null)[])[])[] =
      shared === undefined ? [] : [shared.scores.map((score) => new Array<number | null>(K).fill(score))];
    const results: (RunResult | undefined)[] = shared === undefined ? [] : [shared.result];
    const finite = new Array<boolean>(K).fill(true);
    const names = pass.members.map((i) => plan.combinations[i]!.name);
    const measures: (readonly MeasuresRecord[] | null)[] = [];
    let memory = shared?.memory;
    for (let stage = rows.length; stage < T; stage++) {
      const task = plan.tasks[order[stage]!]!;
      const place = { seed: this.#seed, order: orderIndex, pass: pass.name, stage: stage + 1, task: task.name };
      const work = stageWork(plan, stage, order, K, pass);
      const setting = await settingOf({
        plan,
        model: this.#model,
        seed: this.#seed,
        pass,
        stage,
        order,
        pretrained: this.#pretrained,
        memory,
      });
      const measurement =
        context.measurement !== undefined && stage === 1 ? context.measurement : await this.#measure(order, stage);
      try {
        const result = await this.#train(place, order, setting, work, names, finite);
        results.push(result);
        for (let k = 0; k < K; k++) finite[k] &&= result.nonFinite[k] === -1;
      } catch (error) {
        measurement?.release();
        // The other passes may do better.
        if (!(isLrdistError(error) && error.code === 'ERR_LOSS_NOT_FINITE')) throw error;
        this.#failure ??= error;
        finite.fill(false);
        for (let later = stage; later < T; later++)
          this.#teller.done += later === stage ? work : stageWork(plan, later, order, K, pass);
        break;
      } finally {
        for (const slot of setting.temporary) this.#model.session.release(slot);
      }
      rows.push(await this.#row(place, order));
      if (measurement !== undefined) {
        const { replicas, ...rest } = await measurement.after(measureAfter(setting.rates, plan));
        measures[stage] = replicas;
        this.measured.push({ order: orderIndex, pass: pass.name, stage: stage + 1, ...rest });
      }
      if (stage + 1 < T && remembers(plan, pass, stage + 1))
        memory = await this.#remember(pass, stage, task, memory, shared?.memory);
    }
    if (memory !== undefined && memory !== shared?.memory) forget(this.#model, memory);

    return pass.members.map((combination, k): SequenceRunRecord => {
      const { name, distribution } = plan.combinations[combination]!;
      const R: ResultMatrix = order.map((_, i) =>
        order.map((_unused, j) => {
          if (j > i && !plan.zeroShot) return null;
          const score = rows[i]?.[j]?.[k];
          // What a model that stopped being finite scored before is kept; after that there is nothing.
          return score === undefined ? NaN : score;
        }),
      );
      const of = <V>(values: readonly V[]): V[] => order.map((t) => values[t]!);
      const scores = sequenceScores(R, {
        metrics: of(plan.metrics),
        untrained: context.untrained && of(context.untrained),
        alone: context.alone && of(context.alone[plan.options.distributions.indexOf(distribution)]!),
      });
      return {
        combination: name,
        seed: this.#seed,
        order: orderIndex,
        state: finite[k] ? 'complete' : 'not_finite',
        R,
        scores: finite[k]
          ? scores
          : Object.fromEntries(Object.entries(scores).map(([key, value]) => [key, value === null ? null : NaN])),
        final_losses: order.map((_, i) => {
          const result = results[i];
          return result === undefined ? null : finalLoss(result.losses[result.losses.length === 1 ? 0 : k]!);
        }),
        ...(plan.measures === undefined ? {} : { measures: order.map((_, i) => measures[i]?.[k] ?? null) }),
      };
    });
  }

  async #remember(
    pass: Pass,
    stage: number,
    task: Task,
    old: Memory | undefined,
    shared: Memory | undefined,
  ): Promise<Memory> {
    const plan = this.#plan;
    const newest = await remember(this.#model, task, headOf(plan, task), fisherOptions({ plan, seed: this.#seed }));
    if (old !== undefined) {
      const next = pass.members.map((i) => penaltyAt(plan.combinations[i]!.penalty, stage + 1));
      await accumulate(this.#model, old, newest, next);
      if (old !== shared) forget(this.#model, old);
    }
    return newest;
  }

  /** Each task learned alone from the first weights, by every distribution: [distributions][tasks]. */
  async #alone(initial: Mark): Promise<readonly (readonly number[])[]> {
    const plan = this.#plan;
    const { distributions } = plan.options;
    const order = plan.orders[0]!;
    const scores: number[][] = distributions.map(() => []);
    for (const [stage, t] of order.entries()) {
      await this.#back(initial, distributions.length);
      const task = plan.tasks[t]!;
      const place = { seed: this.#seed, order: 0, pass: 'alone', stage: stage + 1, task: task.name };
      const steps = stageSteps(plan.trainingAt(stage), task);
      const work = stageWork(plan, stage, order, distributions.length);
      const setting = { rates: distributions, regularizers: [], mix: [], beside: [], steps, temporary: [] };
      const names = distributions.map(({ name }) => name);
      const result = await this.#train(place, order, setting, work, names, undefined, 'fresh');
      const [column] = await this.#scoreAll([t], place);
      for (const [d, row] of scores.entries()) row[t] = result.nonFinite[d] === -1 ? column![d]! : NaN;
    }
    return scores;
  }

  async #train(
    place: Place,
    order: readonly number[],
    { rates, regularizers, mix, beside, steps }: StageSetting,
    work: number,
    names: readonly string[],
    finite: readonly boolean[] = names.map(() => true),
    moments: TrainOptions['moments'] = this.#plan.momentsAt(place.stage - 1),
  ): Promise<RunResult> {
    const plan = this.#plan;
    const { signal } = plan.options;
    const stage = place.stage - 1;
    const task = plan.tasks[order[stage]!]!;
    const head = headOf(plan, task);
    const { loss, ...training } = plan.trainingAt(stage);
    const replicas = this.#model.replicas;
    this.#teller.tell({ ...place, type: 'stage', replicas, steps });
    await using run = this.#model.train({
      ...training,
      // The paper's loss is for classes.
      ...(loss === undefined || (loss === 'double-softmax' && task.labels === null) ? {} : { loss }),
      task,
      head,
      rates: oneOrAll(rates, replicas),
      stage,
      seed: this.#seed,
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
      const progress = { done: this.#teller.done + (work * step) / steps, total: this.#teller.total };
      this.#teller.tell({ ...place, type: 'step', step, of: steps, losses, tokensPerSecond, progress, dropped: 0 });
    };
    for await (const event of run) {
      if (event.type === 'step') {
        last = event.step;
        tellStep(event.step, event.losses, event.tokensPerSecond);
      } else if (event.type === 'not-finite' && finite[event.replica]) {
        this.#teller.tell({ ...place, type: 'not-finite', combination: names[event.replica]!, step: event.step });
      }
    }
    const result = await run.result;
    if (last < steps)
      tellStep(
        steps,
        result.losses.map((losses) => losses.at(-1) ?? NaN),
        result.tokens / result.seconds,
      );
    this.#teller.done += work;
    this.tokens += result.tokens;
    return result;
  }

  /** Row of the matrix after a stage: by task in the order of learning, by replica; null where it is not measured. */
  async #row(place: Place, order: readonly number[]): Promise<(readonly (number | null)[])[]> {
    const measured = this.#plan.zeroShot ? order.length : place.stage;
    const scores = await this.#scoreAll(order.slice(0, measured), place);
    return order.map((_, j) => scores[j] ?? new Array<null>(this.#model.replicas).fill(null));
  }

  /** Scores of these tasks by replica. */
  async #scoreAll(which: readonly number[], place?: Place): Promise<number[][]> {
    const { tasks, metrics, heads, split, options } = this.#plan;
    const all: number[][] = [];
    for (const t of which) {
      const task = tasks[t]!;
      const scores = await this.#model.evaluate(task, {
        split,
        head: heads[t]!,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      const values = scores.map((score) => scoreOf(metrics[t]!, task, score, split));
      if (place !== undefined)
        this.#teller.tell({ ...place, type: 'scores', metric: metrics[t]!.metric, scored: task.name, scores: values });
      all.push(values);
    }
    return all;
  }

  /** Begins the measures of a stage: of the first task in the order, and of the task that the stage trains. */
  async #measure(order: readonly number[], stage: number): Promise<StageMeasurement | undefined> {
    const { measures: plan, tasks, heads, split, options } = this.#plan;
    if (plan === undefined || stage === 0) return undefined;
    const named = (t: number): Task => ({ ...tasks[t]!, name: heads[t]! });
    const { signal } = options;
    return measureBefore(this.#model, {
      plan,
      tasks: [named(order[0]!), named(order[stage]!)],
      seed: this.#seed,
      split,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async #mark(): Promise<Mark> {
    return { slot: await this.#model.session.snapshot('all'), steps: this.#model.steps };
  }

  /** So many copies of a marked state. */
  async #back({ slot, steps }: Mark, replicas: number): Promise<void> {
    await this.#model.setReplicas(new Array<number>(replicas).fill(0));
    await this.#model.session.restore(slot);
    this.#model.steps = steps;
  }
}

function measureAfter(distributions: readonly RateDistribution[], { options: { signal } }: SequencePlan): MeasureAfter {
  return { distributions, ...(signal === undefined ? {} : { signal }) };
}

function oneOrAll(rates: readonly RateDistribution[], replicas: number): TrainOptions['rates'] {
  return replicas === 1 ? rates[0]! : rates;
}

/** In the order of the combinations, then of the orders. */
function byCombination(plan: SequencePlan, runs: readonly SequenceRunRecord[]): SequenceRunRecord[] {
  const place = new Map(plan.combinations.map(({ name }, i) => [name, i]));
  return runs.toSorted((a, b) => a.order - b.order || place.get(a.combination)! - place.get(b.combination)!);
}
