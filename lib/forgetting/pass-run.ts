/** One pass: combinations that train side by side, from stage to stage. */
import { isLrdistError } from '../errors.ts';
import type { MeasuresRecord } from '../report/measures-record.ts';
import type { ResultMatrix, SequenceRunRecord } from '../report/sequence-record.ts';
import { isOutOfMemory } from '../train/parts.ts';
import type { RunResult } from '../train/run.ts';
import { finalLoss } from './final-loss.ts';
import { sequenceScores } from './matrix.ts';
import type { StageMeasurement } from './measure/index.ts';
import { accumulate, fisherOf, forget, type Memory, remember } from './memory.ts';
import type { Combination, Pass } from './passes.ts';
import { type Penalty, penaltyAt } from './penalties.ts';
import type { SequencePlan } from './sequence-plan.ts';
import { stageWork } from './sequence-work.ts';
import { fisherOptions, headOf, penaltiesAt, remembers, settingOf } from './stage.ts';
import type { Mark, StageTrainer } from './stage-trainer.ts';

/** What a first stage that all share left behind. */
export interface Shared {
  /** By task in the order of learning. */
  readonly scores: readonly (number | null)[];
  readonly result: RunResult | undefined;
  readonly memory: Memory | undefined;
}

export interface PassContext {
  readonly pass: Pass;
  readonly orderIndex: number;
  readonly order: readonly number[];
  /** In keep mode: the pass has the stages after it. */
  readonly shared: Shared | undefined;
  /** The state it begins from, of one replica. */
  readonly begin: Mark;
  readonly untrained: readonly number[] | undefined;
  /** [distributions][tasks] */
  readonly alone: readonly (readonly number[])[] | undefined;
}

export interface PassResult {
  readonly runs: readonly SequenceRunRecord[];
  /** Why the pass ended before its last stage, if it did. */
  readonly failure: unknown;
}

type Row = readonly (readonly (number | null)[])[];

export async function runPass(trainer: StageTrainer, context: PassContext): Promise<PassResult> {
  const held: Held = {};
  const giveBack = (): void => {
    held.measurement?.release();
    if (held.memory !== undefined && held.memory !== context.shared?.memory) forget(trainer.model, held.memory);
  };
  try {
    const result = await runStages(trainer, context, held);
    giveBack();
    return result;
  } catch (error) {
    // After this one the session goes on, with fewer replicas.
    if (isOutOfMemory(error)) giveBack();
    throw error;
  }
}

/** What is to be given back when the pass ends. */
interface Held {
  memory?: Memory | undefined;
  measurement?: StageMeasurement | undefined;
}

async function runStages(trainer: StageTrainer, context: PassContext, held: Held): Promise<PassResult> {
  const { plan, model } = trainer;
  const { pass, order, shared, begin } = context;
  const T = order.length;
  const K = pass.members.length;
  const members = pass.members.map((i) => plan.combinations[i]!);
  const first = shared === undefined ? 0 : 1;
  const rows: Row[] =
    shared === undefined ? [] : [shared.scores.map((score) => new Array<number | null>(K).fill(score))];
  const results: (RunResult | undefined)[] = shared === undefined ? [] : [shared.result];
  const measures: (readonly MeasuresRecord[])[] = [];
  const finite = new Array<boolean>(K).fill(true);
  held.memory = shared?.memory;
  let failure: unknown;
  // What is the same for all is found out before the fork, of one model.
  await trainer.back(begin, 1);
  let ready = await prepare(trainer, context, first);
  await model.setReplicas(new Array<number>(K).fill(0));
  for (let stage = first; stage < T; stage++) {
    if (stage > first) ready = await prepare(trainer, context, stage);
    const { measurement, childFisher } = ready;
    held.measurement = measurement;
    const task = plan.tasks[order[stage]!]!;
    const place = { seed: trainer.seed, order: context.orderIndex, pass: pass.name, stage: stage + 1, task: task.name };
    const work = stageWork(plan, stage, order, K, pass);
    const { seed, pretrained } = trainer;
    const start = stage === first ? begin.slot : 'start';
    const { memory } = held;
    const setting = await settingOf({ plan, model, seed, pass, stage, order, pretrained, memory, start, childFisher });
    try {
      const names = members.map(({ name }) => name);
      const result = await trainer.train(place, order, setting, work, names, finite);
      results.push(result);
      for (let k = 0; k < K; k++) finite[k] &&= result.nonFinite[k] === -1;
    } catch (error) {
      // The other passes may do better.
      if (!(isLrdistError(error) && error.code === 'ERR_LOSS_NOT_FINITE')) throw error;
      failure = error;
      finite.fill(false);
      for (let later = stage; later < T; later++) trainer.teller.done += stageWork(plan, later, order, K, pass);
      break;
    } finally {
      if (childFisher !== undefined) model.session.release(childFisher);
    }
    rows.push(await trainer.row(place, order));
    if (measurement !== undefined) {
      const { replicas, ...rest } = await measurement.after({ distributions: setting.rates, ...signalOf(plan) });
      measures[stage] = replicas;
      const where = { order: context.orderIndex, pass: pass.name, stage: stage + 1 };
      // Parts of a pass that has no room side by side say the same.
      if (
        !trainer.measured.some((each) => Object.entries(where).every(([key, value]) => each[key as 'order'] === value))
      )
        trainer.measured.push({ ...where, ...rest });
    }
    if (stage + 1 < T && remembers(plan, pass, stage + 1)) held.memory = await next(trainer, context, stage, memory);
  }
  const runs = members.map((combination, k) =>
    recordOf(trainer, context, combination, {
      finite: finite[k]!,
      rows: rows.map((row) => row.map((scores) => scores[k]!)),
      losses: results.map((result) => result?.losses[result.losses.length === 1 ? 0 : k]),
      measures: measures.map((records) => records[k]!),
    }),
  );
  return { runs, failure };
}

interface Ready {
  readonly measurement: StageMeasurement | undefined;
  /** Of Child-Tuning D: on the new task, at the weights the stage starts from. */
  readonly childFisher: number | undefined;
}

async function prepare(trainer: StageTrainer, { order, pass }: PassContext, stage: number): Promise<Ready> {
  const { plan, model, seed } = trainer;
  const task = plan.tasks[order[stage]!]!;
  const child = penaltiesAt(plan, pass, stage).some((penalty) => penalty?.kind.name === 'child-d');
  return {
    measurement: await trainer.measure(order, stage),
    childFisher: child ? await fisherOf(model, task, headOf(plan, task), fisherOptions({ plan, seed })) : undefined,
  };
}

/** Memory of the tasks up to the one just learned. */
async function next(
  { plan, model, seed }: StageTrainer,
  { pass, order, shared }: PassContext,
  stage: number,
  old: Memory | undefined,
): Promise<Memory> {
  const task = plan.tasks[order[stage]!]!;
  const newest = await remember(model, task, headOf(plan, task), fisherOptions({ plan, seed }));
  if (old === undefined) return newest;
  const rules = pass.members.map((i) => rememberingRule(plan.combinations[i]!, stage + 1, order.length));
  await accumulate(model, old, newest, rules);
  if (old !== shared?.memory) forget(model, old);
  return newest;
}

/** The next penalty that needs the memory, which says how it grows. */
function rememberingRule({ penalty }: Combination, from: number, stages: number): Penalty | undefined {
  for (let stage = from; stage < stages; stage++) {
    const at = penaltyAt(penalty, stage);
    if (at.kind.name === 'ewc' || at.kind.name === 'ewc-online') return at;
  }
  return undefined;
}

interface Outcome {
  readonly finite: boolean;
  /** By stage and task in the order of learning. */
  readonly rows: readonly (readonly (number | null)[])[];
  readonly losses: readonly (Float32Array | undefined)[];
  readonly measures: readonly (MeasuresRecord | undefined)[];
}

function recordOf(
  { plan, seed }: StageTrainer,
  { order, orderIndex, untrained, alone }: PassContext,
  { name, distribution }: Combination,
  { finite, rows, losses, measures }: Outcome,
): SequenceRunRecord {
  // Scores from before the loss stopped being finite are kept; after that there is nothing.
  const R: ResultMatrix = order.map((_, i) =>
    order.map((_unused, j) => (j > i && !plan.zeroShot ? null : rows[i] === undefined ? NaN : rows[i][j]!)),
  );
  const of = <V>(values: readonly V[]): V[] => order.map((t) => values[t]!);
  const scores = sequenceScores(R, {
    metrics: of(plan.metrics),
    untrained: untrained && of(untrained),
    alone: alone && of(alone[plan.options.distributions.indexOf(distribution)]!),
  });
  const nothing = Object.entries(scores).map(([key, value]) => [key, value === null ? null : NaN]);
  return {
    combination: name,
    seed,
    order: orderIndex,
    state: finite ? 'complete' : 'not_finite',
    R,
    scores: finite ? scores : (Object.fromEntries(nothing) as typeof scores),
    final_losses: order.map((_, i) => (losses[i] === undefined ? null : finalLoss(losses[i]))),
    ...(plan.measures === undefined ? {} : { measures: order.map((_, i) => measures[i] ?? null) }),
  };
}

export function signalOf({ options: { signal } }: SequencePlan): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
