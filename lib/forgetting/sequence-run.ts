/** All combinations of a sequence under one seed. */
import { isLrdistError } from '../errors.ts';
import type { SequenceMeasured, SequenceRunRecord } from '../report/sequence-record.ts';
import { openModel } from '../train/open.ts';
import type { RunResult } from '../train/run.ts';
import { machine } from './environment.ts';
import { requireHead } from './first-model.ts';
import { readyHead } from './language-head.ts';
import { forget, remember } from './memory.ts';
import { runPass, type Shared, signalOf } from './pass-run.ts';
import { pretrainedSlots } from './pretrained.ts';
import { type SequencePlan, stageSteps } from './sequence-plan.ts';
import { stageWork } from './sequence-work.ts';
import { fisherOptions, headOf, plainSetting, remembers } from './stage.ts';
import { type Mark, StageTrainer, type Teller } from './stage-trainer.ts';

export interface SequenceSeedResult {
  /** In the order of task orders, then of combinations. */
  readonly runs: readonly SequenceRunRecord[];
  readonly untrained: readonly number[] | undefined;
  /** By distribution, by task as given. */
  readonly alone: readonly (readonly number[])[] | undefined;
  readonly machine: ReturnType<typeof machine>;
  readonly measured: readonly SequenceMeasured[];
  readonly tokens: number;
  readonly notes: readonly string[];
}

/** @throws ERR_LOSS_NOT_FINITE if no combination stayed finite */
export async function runSequenceSeed(plan: SequencePlan, seed: number, teller: Teller): Promise<SequenceSeedResult> {
  const { options, first, tasks } = plan;
  const given = first.kind === 'model';
  await using model = await openModel({
    ...options.session,
    path: given ? first.path : options.model,
    tasks: plan.sameHead ? tasks.slice(0, 1) : tasks,
    ...(plan.measures?.measures.includes('masked_lm') === true ? { heads: [{ name: 'mlm', kind: 'masked-lm' }] } : {}),
    replicas: 1,
    seed,
    ...signalOf(plan),
  });
  if (given) requireHead(model, plan.heads[0]!, first.path);
  await readyHead(plan, model, seed);
  const trainer = new StageTrainer(plan, seed, model, teller, await pretrainedSlots(plan, model, seed));
  return {
    ...(await runOrders(trainer)),
    machine: machine(model),
    measured: trainer.measured,
    tokens: trainer.tokens,
    notes: given ? model.loaded.notes : [],
  };
}

async function runOrders(trainer: StageTrainer): Promise<Pick<SequenceSeedResult, 'runs' | 'untrained' | 'alone'>> {
  const { plan, model } = trainer;
  const initial = await trainer.mark();
  const all = plan.tasks.map((_, t) => t);
  const untrained =
    plan.zeroShot && plan.first.kind !== 'model' ? (await trainer.scoreAll(all)).map(([score]) => score!) : undefined;
  const alone = plan.reference ? await learnAlone(trainer, initial) : undefined;
  const runs: SequenceRunRecord[] = [];
  let failure: unknown;
  for (const firstTask of new Set(plan.orders.map((order) => order[0]!))) {
    let begin = initial;
    let shared: Shared | undefined;
    if (plan.mode === 'keep') {
      await trainer.back(initial, 1);
      shared = await shareFirst(trainer, plan.orders.find((order) => order[0] === firstTask)!);
      begin = await trainer.mark();
    }
    for (const [orderIndex, order] of plan.orders.entries()) {
      if (order[0] !== firstTask) continue;
      for (const pass of plan.passes) {
        const context = { orderIndex, order, shared, begin, untrained, alone };
        const members = await trainer.sideBySide(
          pass.members,
          { order, stage: shared === undefined ? 0 : 1, pass: pass.name },
          async (part) => {
            const result = await runPass(trainer, { ...context, pass: { ...pass, members: part } });
            failure ??= result.failure;
            return result.runs;
          },
        );
        runs.push(...members);
      }
    }
    if (shared?.memory !== undefined) forget(model, shared.memory);
    if (begin !== initial) model.session.release(begin.slot);
  }
  if (failure !== undefined && runs.every(({ state }) => state === 'not_finite')) throw failure;
  const place = new Map(plan.combinations.map(({ name }, i) => [name, i]));
  return {
    runs: runs.sort((a, b) => a.order - b.order || place.get(a.combination)! - place.get(b.combination)!),
    untrained,
    alone,
  };
}

/** The first stage of keep mode, or what a given model knows. */
async function shareFirst(trainer: StageTrainer, order: readonly number[]): Promise<Shared> {
  const { plan, model, seed } = trainer;
  const task = plan.tasks[order[0]!]!;
  const place = { seed, order: plan.orders.indexOf(order), pass: 'first', stage: 1, task: task.name };
  let result: RunResult | undefined;
  if (plan.first.kind === 'rates') {
    const { rates } = plan.first;
    const setting = plainSetting([rates], stageSteps(plan.trainingAt(0), task));
    result = await trainer.train(place, order, setting, stageWork(plan, 0, order, 1), [rates.name]);
  }
  const row = await trainer.row(place, order);
  const needed = plan.passes.some((pass) => remembers(plan, pass, 1));
  return {
    scores: row.map(([score]) => score!),
    result,
    memory: needed ? await remember(model, task, headOf(plan, task), fisherOptions({ plan, seed })) : undefined,
  };
}

/** Each task learned alone from the first weights, by every distribution: [distributions][tasks as given]. */
async function learnAlone(trainer: StageTrainer, initial: Mark): Promise<readonly (readonly number[])[]> {
  const { plan, seed } = trainer;
  const { distributions } = plan.options;
  const order = plan.orders[0]!;
  const scores: number[][] = distributions.map(() => []);
  for (const [stage, t] of order.entries()) {
    const task = plan.tasks[t]!;
    const place = { seed, order: 0, pass: 'alone', stage: stage + 1, task: task.name };
    const column = await trainer.sideBySide(distributions, { order, stage, pass: 'alone' }, async (part) => {
      await trainer.back(initial, part.length);
      const setting = plainSetting(part, stageSteps(plan.trainingAt(stage), task));
      const work = stageWork(plan, stage, order, part.length);
      const names = part.map(({ name }) => name);
      try {
        const { nonFinite } = await trainer.train(place, order, setting, work, names, undefined, 'fresh');
        const [own] = await trainer.scoreAll([t], place);
        return own!.map((score, k) => (nonFinite[k] === -1 ? score : NaN));
      } catch (error) {
        if (!(isLrdistError(error) && error.code === 'ERR_LOSS_NOT_FINITE')) throw error;
        trainer.teller.done += work;
        return part.map(() => NaN);
      }
    });
    for (const [d, row] of scores.entries()) row[t] = column[d]!;
  }
  return scores;
}
