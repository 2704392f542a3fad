import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { flat, type RateDistribution } from '../rates/distribution.ts';
import { check } from '../train/check.ts';
import { countRun } from '../train/plan.ts';
import { splitOf, type Task } from '../train/task.ts';
import type { ShiftMode, ShiftOptions, StageTraining } from './options.ts';
import { metricOf } from './scores.ts';
import type { TaskMetric } from '../report/shift-record.ts';

const object = z.custom<object>((value) => typeof value === 'object' && value !== null, 'expected an object');
const tasks = z.custom<readonly [Task, Task]>(
  (value) => Array.isArray(value) && value.length === 2,
  'expected two tasks: the one to keep and the one to learn',
);
const distributions = z.custom<readonly RateDistribution[]>(
  (value) => Array.isArray(value) && value.length > 0,
  'expected at least one distribution',
);

const schema = z.strictObject({
  model: z.string().min(1),
  tasks,
  distributions,
  mode: z.enum(['keep', 'paper']).default('keep'),
  firstRates: object.optional(),
  firstModel: z.string().min(1).optional(),
  seeds: z.array(z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)).min(1).readonly().default([42]),
  split: z.string().default('validation'),
  training: object.default({}),
  firstTraining: object.default({}),
  moments: z.enum(['keep', 'fresh']).default('fresh'),
  session: object.default({}),
  onEvent: z.custom<() => void>((value) => typeof value === 'function', 'expected a function').optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

/** How the first task's model is come by. */
export type FirstStage =
  | {
      readonly kind: 'rates';
      readonly rates: RateDistribution;
      readonly training: StageTraining;
      readonly steps: number;
    }
  | { readonly kind: 'model'; readonly path: string }
  | { readonly kind: 'distribution'; readonly training: StageTraining; readonly steps: number };

/** ShiftOptions, checked, with defaults. */
export interface ShiftPlan {
  readonly options: ShiftOptions;
  readonly mode: ShiftMode;
  readonly seeds: readonly number[];
  readonly split: string;
  readonly first: FirstStage;
  readonly second: { readonly training: StageTraining; readonly steps: number };
  readonly moments: 'keep' | 'fresh';
  readonly metrics: readonly [TaskMetric, TaskMetric];
}

/** @throws ERR_INVALID_OPTION, ERR_UNKNOWN_OPTION */
export function planShift(options: ShiftOptions): ShiftPlan {
  const { mode, seeds, split, moments } = check(schema, options, 'shift');
  const [firstTask, secondTask] = options.tasks;
  const invalid = (message: string, remedy: string): LrdistError =>
    new LrdistError('ERR_INVALID_OPTION', message, { remedy });
  if (firstTask.name === secondTask.name)
    throw invalid(
      `tasks: both are "${firstTask.name}"`,
      'Give two different tasks: the one to keep and the one to learn.',
    );
  if (new Set(seeds).size < seeds.length)
    throw invalid(
      `seeds: one is named twice in ${seeds.join(', ')}`,
      'A repeated seed repeats the same numbers and would make the intervals too narrow.',
    );
  const names = options.distributions.map(({ name }) => name);
  const twice = names.find((name, k) => names.indexOf(name) !== k);
  if (twice !== undefined)
    throw invalid(
      `rates: two distributions are named "${twice}"`,
      'Results are told apart by name: change "name" in the rates file, or leave one out.',
    );
  for (const [key, value] of [
    ['firstRates', options.firstRates],
    ['firstModel', options.firstModel],
  ] as const) {
    if (value !== undefined && mode === 'paper')
      throw invalid(`${key}: in paper mode a distribution governs both stages`, 'Leave it out, or use mode "keep".');
  }
  if (options.firstRates !== undefined && options.firstModel !== undefined)
    throw invalid(
      'firstModel: a given model has no first stage, so firstRates would do nothing',
      'Give one of the two.',
    );
  if (moments === 'keep' && mode === 'keep')
    throw invalid('moments: in keep mode the second stage starts Adam anew', 'Leave it out, or use mode "paper".');

  for (const task of options.tasks) {
    if (splitOf(task, split).labels.includes(NaN)) {
      throw invalid(
        `split: the ${split} rows of ${task.name} have no labels to score against`,
        'Use the validation split.',
      );
    }
  }

  const first = firstStage(options, mode);
  const second = { training: { ...options.training }, steps: stepsOf(secondTask, options.training ?? {}) };
  return {
    options,
    mode,
    seeds,
    split,
    first,
    second,
    moments,
    metrics: [metricOf(firstTask, mode, split), metricOf(secondTask, mode, split)],
  };
}

function firstStage(options: ShiftOptions, mode: ShiftMode): FirstStage {
  if (options.firstModel !== undefined) return { kind: 'model', path: options.firstModel };
  const training = { ...options.training, ...options.firstTraining };
  const steps = stepsOf(options.tasks[0], training);
  if (mode === 'paper') return { kind: 'distribution', training, steps };
  const isFlat = ({ groups, stages }: RateDistribution): boolean => groups.length === 1 && stages.length === 1;
  return {
    kind: 'rates',
    rates: options.firstRates ?? options.distributions.find(isFlat) ?? flat(5e-5),
    training,
    steps,
  };
}

function stepsOf(task: Task, training: StageTraining): number {
  return countRun(training, [splitOf(task, 'train')]).total;
}
