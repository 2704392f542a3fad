/** One stage of one pass: what each replica is trained with. */
import type { RateDistribution } from '../rates/distribution.ts';
import type { Model } from '../train/model.ts';
import type { Anchor, Regularizer } from '../train/regularizers.ts';
import type { RowSource, SideRows } from '../train/sources.ts';
import { splitOf, type Task } from '../train/task.ts';
import { withFrozenBody } from './frozen.ts';
import type { FisherOptions, Memory } from './memory.ts';
import type { Combination, Pass } from './passes.ts';
import { type Penalty, penaltyAt } from './penalties.ts';
import type { Pretrained } from './pretrained.ts';
import { replayRows } from './replay.ts';
import { isJoint, type SequencePlan, stageSteps } from './sequence-plan.ts';

export interface StageContext {
  readonly plan: SequencePlan;
  readonly model: Model;
  readonly seed: number;
  readonly pass: Pass;
  /** From 0. */
  readonly stage: number;
  /** Task numbers in the order of learning. */
  readonly order: readonly number[];
  readonly pretrained: Pretrained;
  readonly memory: Memory | undefined;
  /** The weights that the stage starts from. */
  readonly start: Anchor;
  /** Fisher information of the new task, for Child-Tuning D. */
  readonly childFisher: number | undefined;
}

export interface StageSetting {
  readonly rates: readonly RateDistribution[];
  readonly regularizers: readonly Regularizer[];
  readonly mix: readonly RowSource[];
  readonly beside: readonly SideRows[];
  readonly steps: number;
}

/** Plain training. */
export function plainSetting(rates: readonly RateDistribution[], steps: number): StageSetting {
  return { rates, regularizers: [], mix: [], beside: [], steps };
}

/** What acts on each member of a pass; undefined where nothing does. */
export function penaltiesAt(plan: SequencePlan, { members }: Pass, stage: number): readonly (Penalty | undefined)[] {
  return members.map((i) => acting(penaltyAt(plan.combinations[i]!.penalty, stage), stage));
}

export async function settingOf(context: StageContext): Promise<StageSetting> {
  const { plan, model, pass, stage, order } = context;
  const members = pass.members.map((i) => plan.combinations[i]!);
  const task = plan.tasks[order[stage]!]!;
  const earlier = order.slice(0, stage).map((t) => plan.tasks[t]!);
  const mixed = isJoint(pass, stage) ? earlier : [];
  const steps = stageSteps(plan.trainingAt(stage), task, mixed);
  const penalties = penaltiesAt(plan, pass, stage);
  const names = model.parameters.map(({ name }) => name);
  const own = pass.penalty === undefined ? undefined : acting(penaltyAt(pass.penalty, stage), stage);
  return {
    rates: members.map(({ distribution }, k) =>
      penalties[k]?.kind.name === 'frozen' ? withFrozenBody(distribution, names) : distribution,
    ),
    regularizers: penalties.map((penalty) => regularizerOf(penalty, context, steps)),
    mix: mixed.map((each) => ({ task: each, head: headOf(plan, each) })),
    beside: own === undefined ? [] : await besideOf(own, context, task, earlier),
    steps,
  };
}

export function headOf(plan: Pick<SequencePlan, 'tasks' | 'heads'>, task: Task): string {
  return plan.heads[plan.tasks.indexOf(task)]!;
}

export function fisherOptions({ plan, seed }: Pick<StageContext, 'plan' | 'seed'>): FisherOptions {
  return { ...plan.fisher, seed, signal: plan.options.signal };
}

/** Whether a combination of the pass still needs Fisher information of tasks learned so far, in some stage from `stage` on. */
export function remembers(plan: SequencePlan, { members }: Pass, stage: number): boolean {
  const last = plan.tasks.length - 1;
  return members.some((i) => {
    for (let s = stage; s <= last; s++) if (/^ewc(-online)?$/.test(kindAt(plan.combinations[i]!, s))) return true;
    return false;
  });
}

function kindAt({ penalty }: Combination, stage: number): string {
  return penaltyAt(penalty, stage).kind.name;
}

/** The penalty, if it has begun to act. */
function acting(penalty: Penalty, stage: number): Penalty | undefined {
  return stage + 1 >= penalty.kind.from && penalty.kind.name !== 'none' ? penalty : undefined;
}

export function regularizerOf(
  penalty: Penalty | undefined,
  { pretrained, memory, start, childFisher }: Pick<StageContext, 'pretrained' | 'memory' | 'start' | 'childFisher'>,
  steps: number,
): Regularizer {
  if (penalty === undefined) return { kind: 'none' };
  const { kind, numbers } = penalty;
  const number = (name: string): number => numbers[name]!;
  const anchor = kind.pretrained === true ? pretrained.weights! : start;
  switch (kind.name) {
    case 'l2-sp':
    case 'l2-sp-pretrained':
      return { kind: 'l2-sp', anchor, strength: number('alpha'), headStrength: number('beta') };
    case 'ewc':
    case 'ewc-online':
      return { kind: 'ewc', anchor: memory!.anchor, fisher: memory!.fisher, strength: number('lambda') };
    case 'ewc-pretrained':
      // The published code has no 1/2 in front of the sum, the engine has.
      return { kind: 'ewc', anchor, fisher: pretrained.fisher!, strength: 2 * number('lambda') };
    case 'recadam':
    case 'recadam-pretrained': {
      const t0 = number('t0');
      return {
        kind: 'recadam',
        anchor,
        strength: number('gamma'),
        slope: number('k'),
        midpoint: t0 < 1 ? t0 * steps : t0,
      };
    }
    case 'mixout':
    case 'mixout-pretrained':
      return { kind: 'mixout', anchor, probability: number('p') };
    case 'child-f':
      return { kind: 'child-f', probability: number('p') };
    case 'child-d':
      return { kind: 'child-d', fisher: childFisher!, probability: number('p') };
    default:
      return { kind: 'none' };
  }
}

async function besideOf(
  penalty: Penalty,
  context: StageContext,
  task: Task,
  earlier: readonly Task[],
): Promise<readonly SideRows[]> {
  const { plan, seed } = context;
  if (penalty.kind.name === 'replay') {
    const sources = earlier.map((each) => ({
      task: each,
      head: headOf(plan, each),
      rows: replayRows(penalty, each, seed),
    }));
    return [{ rows: 'own', sources, weight: penalty.numbers['weight']! }];
  }
  if (penalty.kind.name !== 'lwf') return [];
  const sources: RowSource[] = [];
  const dataset = splitOf(task, 'train');
  for (const head of new Set(earlier.map((each) => headOf(plan, each))))
    sources.push({
      head,
      dataset,
      targets: await answers(context, head, dataset),
      temperature: penalty.numbers['temperature']!,
    });
  return [{ rows: 'same', sources, weight: penalty.numbers['lambda']! }];
}

/** Logits of every replica on the new rows, before they are learned [replicas x rows x outputs]. */
async function answers(
  { model, plan: { options } }: StageContext,
  head: string,
  dataset: ReturnType<typeof splitOf>,
): Promise<Float32Array> {
  const { signal } = options;
  const logits = await model.predict(dataset, { head, ...(signal === undefined ? {} : { signal }) });
  const targets = new Float32Array(logits.reduce((sum, values) => sum + values.length, 0));
  let at = 0;
  for (const values of logits) {
    // A replica that stopped being finite no longer learns; the engine wants numbers all the same.
    targets.set(
      values.map((value) => (Number.isFinite(value) ? value : 0)),
      at,
    );
    at += values.length;
  }
  return targets;
}
