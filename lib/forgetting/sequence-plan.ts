import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { flat, type RateDistribution } from '../rates/distribution.ts';
import type { TaskMetric } from '../report/sequence-record.ts';
import { check } from '../train/check.ts';
import { type MeasurePlan, planMeasures } from './measure/index.ts';
import { countRun, type StepCounts } from '../train/plan.ts';
import { splitOf, type Task } from '../train/task.ts';
import type { ShiftMode, StageTraining } from './options.ts';
import { ordersOf } from './orders.ts';
import { withPaperHabits } from './paper-habits.ts';
import { type Combination, combinationsOf, type Pass, passesOf } from './passes.ts';
import { parsePenalty, penaltyAt, type StagedPenalty } from './penalties.ts';
import { replayRows } from './replay.ts';
import { metricOf } from './scores.ts';
import type { SequenceOptions } from './sequence-options.ts';

const object = z.custom<object>((value) => typeof value === 'object' && value !== null, 'expected an object');
const listOf = <T>(least: number, what: string) =>
  z.custom<readonly T[]>((value) => Array.isArray(value) && value.length >= least, `expected ${what}`);
const moments = z.enum(['keep', 'fresh']);

const schema = z.strictObject({
  model: z.string().min(1),
  tasks: listOf<Task>(2, 'two tasks or more'),
  distributions: listOf<RateDistribution>(1, 'at least one distribution'),
  penalties: listOf<string | StagedPenalty>(1, 'at least one penalty (none is one)').default(['none']),
  mode: z.enum(['keep', 'paper']).default('keep'),
  protocol: z.literal('paper').optional(),
  heads: z.enum(['own', 'same']).default('own'),
  moments: z.union([moments, z.array(moments).min(1).readonly()]).default('fresh'),
  orders: z.union([z.enum(['given', 'all']), z.number().int().positive()]).default('given'),
  firstRates: object.optional(),
  firstModel: z.string().min(1).optional(),
  seeds: z.array(z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)).min(1).readonly().default([42]),
  split: z.string().default('validation'),
  training: object.default({}),
  stages: listOf<StageTraining>(0, 'an array').default([]),
  zeroShot: z.boolean().optional(),
  reference: z.boolean().default(false),
  fisher: z
    .strictObject({
      rows: z.number().int().positive().default(1000),
      labels: z.enum(['data', 'model']).default('data'),
    })
    .prefault({}),
  pretraining: object.optional(),
  measure: z.union([z.boolean(), object]).optional(),
  session: object.default({}),
  signal: z.instanceof(AbortSignal).optional(),
});

/** How the first task's model is come by. */
export type FirstStage =
  | { readonly kind: 'rates'; readonly rates: RateDistribution }
  | { readonly kind: 'model'; readonly path: string }
  | { readonly kind: 'distribution' };

/** SequenceOptions, checked, with defaults. */
export interface SequencePlan {
  readonly options: SequenceOptions;
  readonly mode: ShiftMode;
  readonly habits: Readonly<Record<string, string>> | undefined;
  readonly tasks: readonly Task[];
  /** Head of each task. */
  readonly heads: readonly string[];
  readonly sameHead: boolean;
  readonly orders: readonly (readonly number[])[];
  readonly seeds: readonly number[];
  readonly split: string;
  readonly combinations: readonly Combination[];
  readonly penalties: readonly StagedPenalty[];
  readonly passes: readonly Pass[];
  readonly first: FirstStage;
  readonly fisher: { readonly rows: number; readonly labels: 'data' | 'model' };
  readonly zeroShot: boolean;
  readonly reference: boolean;
  /** By task as given. */
  readonly metrics: readonly TaskMetric[];
  readonly measures: MeasurePlan | undefined;
  trainingAt(stage: number): StageTraining;
  momentsAt(stage: number): 'keep' | 'fresh';
}

/** @throws ERR_INVALID_OPTION, ERR_UNKNOWN_OPTION */
export function planSequence(given: SequenceOptions): SequencePlan {
  const habits = given.protocol === 'paper' ? withPaperHabits(given) : undefined;
  const options = habits?.options ?? given;
  const checked = check(schema, options, 'sequence');
  const { tasks, mode, seeds, split, distributions } = checked;
  unique(tasks, 'tasks', 'two tasks');
  unique(distributions, 'rates', 'two distributions');
  if (new Set(seeds).size < seeds.length)
    throw invalid(
      `seeds: one is named twice in ${seeds.join(', ')}`,
      'A repeated seed repeats the same numbers and would make the intervals too narrow.',
    );
  const penalties = checked.penalties.map((each) => (typeof each === 'string' ? parsePenalty(each) : each));
  unique(penalties, 'penalty', 'two penalties');
  refuseFirst(options, mode);
  const sameHead = checked.heads === 'same';
  if (sameHead) refuseClash(tasks);
  requireLabels(tasks, split);
  const orders = ordersOf(checked.orders, tasks.length, seeds[0]!);
  if (options.firstModel !== undefined && orders.length > 1)
    throw invalid('orders: a given first model fixes the first task', 'Leave firstModel out, or keep the given order.');
  if (options.firstModel !== undefined && [checked.moments].flat()[0] === 'keep')
    throw invalid('moments: a given first model has none to keep', 'Leave firstModel or the kept moments out.');
  const used = penalties.flatMap(({ stages }) => stages);
  refusePretrained(
    options,
    used.map(({ kind }) => kind),
    checked.reference,
  );
  for (const penalty of used)
    if (penalty.kind.name === 'replay') for (const task of tasks) replayRows(penalty, task, seeds[0]!);
  const combinations = combinationsOf(distributions, penalties);
  const trainingAt = (stage: number): StageTraining => ({ ...options.training, ...options.stages?.[stage] });
  return {
    options,
    mode,
    habits: habits?.taken,
    tasks,
    heads: tasks.map((task) => (sameHead ? tasks[0]!.name : task.name)),
    sameHead,
    orders,
    seeds,
    split,
    combinations,
    penalties,
    passes: passesOf(combinations),
    first: firstStage(options, mode),
    fisher: checked.fisher,
    zeroShot: checked.zeroShot ?? (sameHead || tasks.length > 2),
    reference: checked.reference,
    metrics: tasks.map((task) => metricOf(task, mode, split)),
    measures: planMeasures(checked.measure, trainedRows(tasks, trainingAt)),
    trainingAt,
    momentsAt: (stage) => {
      if (stage === 0) return 'fresh';
      const list = typeof checked.moments === 'string' ? [checked.moments] : checked.moments;
      return list[Math.min(stage - 1, list.length - 1)]!;
    },
  };
}

/** Optimizer steps of a stage: epochs are passes over all rows, those of `mixed` tasks counted. */
export function stageSteps(training: StageTraining, task: Task, mixed: readonly Task[] = []): number {
  return stageCounts(training, task, mixed).total;
}

export function stageCounts(training: StageTraining, task: Task, mixed: readonly Task[] = []): StepCounts {
  return countRun(
    training,
    [task, ...mixed].map((each) => splitOf(each, 'train')),
  );
}

/** Rows that each replica is trained on, epochs and stages counted. */
function trainedRows(tasks: readonly Task[], trainingAt: (stage: number) => StageTraining): number {
  return tasks.reduce((sum, task, stage) => {
    const training = trainingAt(stage);
    const { total, batchSize, accumulation } = stageCounts(training, task);
    return sum + total * batchSize * accumulation;
  }, 0);
}

/** Whether a pass mixes the rows of earlier tasks into a stage. */
export function isJoint({ penalty }: Pass, stage: number): boolean {
  return stage > 0 && penalty !== undefined && penaltyAt(penalty, stage).kind.name === 'joint';
}

function firstStage(options: SequenceOptions, mode: ShiftMode): FirstStage {
  if (options.firstModel !== undefined) return { kind: 'model', path: options.firstModel };
  if (mode === 'paper') return { kind: 'distribution' };
  const isFlat = ({ groups, stages }: RateDistribution): boolean => groups.length === 1 && stages.length === 1;
  return { kind: 'rates', rates: options.firstRates ?? options.distributions.find(isFlat) ?? flat(5e-5) };
}

function invalid(message: string, remedy: string): LrdistError {
  return new LrdistError('ERR_INVALID_OPTION', message, { remedy });
}

function unique(list: readonly { readonly name: string }[], option: string, what: string): void {
  const names = list.map(({ name }) => name);
  const twice = names.find((name, k) => names.indexOf(name) !== k);
  if (twice !== undefined)
    throw invalid(
      `${option}: ${what} are named "${twice}"`,
      'Results are told apart by name: change one, or leave one out.',
    );
}

function refuseFirst({ firstRates, firstModel }: SequenceOptions, mode: ShiftMode): void {
  for (const [key, value] of Object.entries({ firstRates, firstModel })) {
    if (value !== undefined && mode === 'paper')
      throw invalid(`${key}: in paper mode a distribution governs all stages`, 'Leave it out, or use mode "keep".');
  }
  if (firstRates !== undefined && firstModel !== undefined)
    throw invalid(
      'firstModel: a given model has no first stage, so firstRates would do nothing',
      'Give one of the two.',
    );
}

/** One head serves tasks with the same labels only. */
function refuseClash(tasks: readonly Task[]): void {
  const [first] = tasks;
  const text = ({ labels }: Task): string => (labels === null ? 'a number' : labels.join(', '));
  const other = tasks.find((task) => text(task) !== text(first!));
  if (other !== undefined)
    throw invalid(
      `heads: ${first!.name} has the labels ${text(first!)} and ${other.name} has ${text(other)}, so one head cannot serve both`,
      'Give each task a head of its own.',
    );
}

function requireLabels(tasks: readonly Task[], split: string): void {
  for (const task of tasks) {
    splitOf(task, 'train');
    if (splitOf(task, split).labels.includes(NaN))
      throw invalid(
        `split: the ${split} rows of ${task.name} have no labels to score against`,
        'Use the validation split.',
      );
  }
}

function refusePretrained(
  { firstModel, pretraining }: SequenceOptions,
  kinds: readonly { readonly name: string; readonly pretrained?: boolean }[],
  reference: boolean,
): void {
  const pretrained = kinds.find((kind) => kind.pretrained === true);
  if (pretrained !== undefined && firstModel !== undefined)
    throw invalid(
      `penalty: ${pretrained.name} pulls to the pretrained weights, and firstModel has only fine-tuned ones`,
      'Train the first stage here (leave firstModel out), or take a penalty that pulls to the first weights of the stage.',
    );
  if (reference && firstModel !== undefined)
    throw invalid(
      'reference: tasks cannot be learned alone from a model that knows the first one',
      'Leave firstModel or reference out.',
    );
  if (kinds.some(({ name }) => name === 'ewc-pretrained') && pretraining === undefined)
    throw invalid(
      'penalty: ewc-pretrained needs text for its masked-LM Fisher information',
      'Give `pretraining` (in the command --text_file), such as a sample of Wikipedia.',
    );
}
