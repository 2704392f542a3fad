import type { Model } from '../train/model.ts';
import { openModel } from '../train/open.ts';
import { countRun } from '../train/plan.ts';
import { rowsOf, splitOf } from '../train/task.ts';
import type { ShiftOptions, StageTraining } from './options.ts';
import { planShift } from './plan.ts';

export interface StageEstimate {
  readonly stage: 1 | 2;
  readonly task: string;
  /** Models trained side by side. */
  readonly replicas: number;
  readonly steps: number;
  readonly seconds_per_step: number;
}

export interface ShiftEstimate {
  readonly stages: readonly StageEstimate[];
  readonly seeds: number;
  /** Of everything, evaluation included. */
  readonly seconds: number;
}

const warmUp = 2;
const timed = 4;

/**
 * How long `taskShift` with these options would take, from a few steps of each stage on this machine. Nothing is kept.
 *
 * @throws what taskShift throws before its first step
 */
export async function estimateShift(options: ShiftOptions): Promise<ShiftEstimate> {
  const plan = planShift(options);
  const { first, second } = plan;
  const { distributions, tasks, signal } = options;
  await using model = await openModel({
    ...options.session,
    path: first.kind === 'model' ? first.path : options.model,
    tasks,
    replicas: first.kind === 'distribution' ? distributions.length : 1,
    ...(signal === undefined ? {} : { signal }),
  });
  const stages: StageEstimate[] = [];
  const measure = async (stage: 1 | 2, training: StageTraining, steps: number): Promise<void> => {
    const rates = model.replicas === 1 ? distributions[0]! : distributions;
    const seconds = await secondsPerStep(model, options, stage, training, rates);
    stages.push({ stage, task: tasks[stage - 1]!.name, replicas: model.replicas, steps, seconds_per_step: seconds });
  };
  if (first.kind !== 'model') await measure(1, first.training, first.steps);
  await model.setReplicas(new Array<number>(distributions.length).fill(0));
  await measure(2, second.training, second.steps);

  // A forward pass costs about a third of a training step on the same rows.
  const { batchSize, accumulation } = countRun(second.training, [splitOf(tasks[1], 'train')]);
  const perRow = stages.at(-1)!.seconds_per_step / (batchSize * accumulation) / 3;
  const evaluated = 2 * rowsOf(splitOf(tasks[0], plan.split)) + rowsOf(splitOf(tasks[1], plan.split));
  const training = stages.reduce((sum, { steps, seconds_per_step }) => sum + steps * seconds_per_step, 0);
  return { stages, seeds: plan.seeds.length, seconds: plan.seeds.length * (training + evaluated * perRow) };
}

async function secondsPerStep(
  model: Model,
  options: ShiftOptions,
  stage: 1 | 2,
  training: StageTraining,
  rates: ShiftOptions['distributions'] | ShiftOptions['distributions'][number],
): Promise<number> {
  const { signal, tasks } = options;
  const run = (maxSteps: number): Promise<{ seconds: number }> =>
    model.train({
      ...training,
      maxSteps,
      task: tasks[stage - 1]!,
      rates,
      stage: stage - 1,
      ...(signal === undefined ? {} : { signal }),
    }).result;
  await run(warmUp);
  return (await run(timed)).seconds / timed;
}
