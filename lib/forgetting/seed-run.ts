import { LrdistError } from '../errors.ts';
import type { RateDistribution } from '../rates/distribution.ts';
import type { Model } from '../train/model.ts';
import { openModel } from '../train/open.ts';
import type { TrainOptions } from '../train/options.ts';
import type { RunResult } from '../train/run.ts';
import type { ShiftEvent } from './events.ts';
import type { ShiftPlan } from './plan.ts';
import { machine } from './environment.ts';
import type { RunRecord } from '../report/shift-record.ts';
import { pairScores, scoreOf } from './scores.ts';

export interface SeedResult {
  /** In the order of the distributions. */
  readonly runs: readonly RunRecord[];
  readonly machine: ReturnType<typeof machine>;
  readonly tokens: number;
  readonly notes: readonly string[];
}

/** Both stages under one seed, all distributions side by side. `done` is the work of the seeds before. */
export async function runSeed(plan: ShiftPlan, seed: number, done: number): Promise<SeedResult> {
  const { options, first } = plan;
  const { signal, distributions, tasks } = options;
  const given = first.kind === 'model';
  await using model = await openModel({
    ...options.session,
    path: given ? first.path : options.model,
    tasks,
    replicas: first.kind === 'distribution' ? distributions.length : 1,
    seed,
    ...(signal === undefined ? {} : { signal }),
  });
  if (given) requireHead(model, tasks[0].name, first.path);
  const shift = new SeedRun(plan, seed, done, model);

  const firstResult = given ? undefined : await shift.stage(1, first.kind === 'rates' ? first.rates : distributions);
  const before = await shift.score(1, 0);
  if (first.kind !== 'distribution') await model.setReplicas(new Array<number>(distributions.length).fill(0));
  const secondResult = await shift.stage(2, distributions);
  const p_s = await shift.score(2, 1);
  const p_o = await shift.score(2, 0);

  const runs = distributions.map((distribution, k): RunRecord => {
    const one = before.length === 1 ? 0 : k;
    const finite = secondResult.nonFinite[k] === -1 && (firstResult === undefined || firstResult.nonFinite[one] === -1);
    const value = (scores: readonly number[], index: number): number => (finite ? scores[index]! : NaN);
    return {
      distribution: distribution.name,
      seed,
      state: finite ? 'complete' : 'not_finite',
      ...pairScores(plan.metrics, value(before, one), value(p_s, k), value(p_o, k)),
      final_losses: [
        firstResult === undefined ? null : finalLoss(firstResult.losses[one]!),
        finalLoss(secondResult.losses[k]!),
      ],
    };
  });
  return {
    runs,
    machine: machine(model),
    tokens: (firstResult?.tokens ?? 0) + secondResult.tokens,
    notes: given ? model.loaded.notes : [],
  };
}

class SeedRun {
  readonly #plan: ShiftPlan;
  readonly #seed: number;
  readonly #model: Model;
  #done: number;

  constructor(plan: ShiftPlan, seed: number, done: number, model: Model) {
    this.#plan = plan;
    this.#seed = seed;
    this.#done = done;
    this.#model = model;
  }

  /** Trains one stage to its end and passes its events on. */
  async stage(stage: 1 | 2, rates: TrainOptions['rates']): Promise<RunResult> {
    const { options, first, second, moments, work, seeds } = this.#plan;
    const { signal, distributions, tasks } = options;
    const task = tasks[stage - 1]!;
    const { training, steps } = stage === 2 || first.kind === 'model' ? second : first;
    this.#tell({ type: 'stage', stage, task: task.name, replicas: this.#model.replicas, steps });
    await using run = this.#model.train({
      ...training,
      task,
      rates,
      stage: stage - 1,
      moments: stage === 1 ? 'fresh' : moments,
      loggingSteps: 0,
      ...(signal === undefined ? {} : { signal }),
    });
    const total = seeds.length * (work[0] + work[1]);
    const tellStep = (step: number, losses: readonly number[], tokensPerSecond: number): void => {
      const progress = { done: this.#done + (work[stage - 1]! * step) / steps, total };
      this.#tell({ type: 'step', stage, step, of: steps, losses, tokensPerSecond, progress });
    };
    let last = 0;
    for await (const event of run) {
      if (event.type === 'step') {
        last = event.step;
        tellStep(event.step, event.losses, event.tokensPerSecond);
      } else if (event.type === 'not-finite') {
        const distribution = Array.isArray(rates) ? distributions[event.replica]! : (rates as RateDistribution);
        this.#tell({ type: 'not-finite', stage, distribution: distribution.name, step: event.step });
      }
    }
    const result = await run.result;
    // Step events come at intervals; the last one always comes.
    if (last < steps)
      tellStep(
        steps,
        result.losses.map((losses) => losses.at(-1) ?? NaN),
        result.tokens / result.seconds,
      );
    this.#done += work[stage - 1]!;
    return result;
  }

  /** Scores of tasks[index] by replica, after `stage`. */
  async score(stage: 1 | 2, index: 0 | 1): Promise<number[]> {
    const { options, metrics, split } = this.#plan;
    const { signal, tasks } = options;
    const task = tasks[index];
    const all = await this.#model.evaluate(task, { split, ...(signal === undefined ? {} : { signal }) });
    const scores = all.map((one) => scoreOf(metrics[index], task, one, split));
    this.#tell({ type: 'scores', stage, task: task.name, metric: metrics[index].metric, scores });
    return scores;
  }

  #tell(event: WithoutSeed<ShiftEvent>): void {
    this.#plan.options.onEvent?.({ ...event, seed: this.#seed });
  }
}

type WithoutSeed<E> = E extends unknown ? Omit<E, 'seed'> : never;

function finalLoss(losses: Float32Array): number | null {
  const last = losses.subarray(losses.length - Math.max(1, Math.floor(losses.length / 10)));
  const mean = last.reduce((sum, loss) => sum + loss, 0) / last.length;
  return Number.isFinite(mean) ? mean : null;
}

function requireHead(model: Model, task: string, path: string): void {
  if (model.loaded.savedHead === task) return;
  throw new LrdistError(
    'ERR_MODEL_UNSUPPORTED',
    `${path} has no classifier trained on ${task}${model.loaded.notes.map((note) => `; ${note}`).join('')}`,
    {
      remedy: `Give a folder that was fine-tuned on ${task} (its config.json says so in "finetuning_task"), or leave firstModel out.`,
    },
  );
}
