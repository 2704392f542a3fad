import { openModel } from '../train/open.ts';
import { rowsOf, splitOf } from '../train/task.ts';
import type { StageTraining } from './options.ts';
import type { SequenceOptions } from './sequence-options.ts';
import { planSequence, stageCounts } from './sequence-plan.ts';
import { seedWork } from './sequence-work.ts';

export interface SequenceEstimate {
  readonly combinations: readonly string[];
  readonly passes: readonly { readonly name: string; readonly replicas: number }[];
  readonly seeds: number;
  readonly orders: number;
  /** Trained on, replicas counted. */
  readonly rows: number;
  /** Of everything but Fisher information and measures, evaluation included. */
  readonly seconds: number;
}

const warmUp = 2;
const timed = 4;

/**
 * How long `taskSequence` with these options would take: from a few steps of one model on each task. Penalties add a few percent to a step and are not
 * timed. Nothing is kept.
 *
 * @throws what taskSequence throws before its first step
 */
export async function estimateSequence(options: SequenceOptions): Promise<SequenceEstimate> {
  const plan = planSequence(options);
  const { tasks, orders, seeds, passes, split } = plan;
  const { signal } = options;
  const abort = signal === undefined ? {} : { signal };
  await using model = await openModel({
    ...plan.options.session,
    path: plan.first.kind === 'model' ? plan.first.path : options.model,
    tasks,
    ...abort,
  });
  let perRow = 0;
  for (const task of tasks) {
    const training = withoutLoss(plan.trainingAt(1));
    const { batchSize, accumulation } = stageCounts(training, task);
    const run = (maxSteps: number): Promise<{ seconds: number }> =>
      model.train({ ...training, task, rates: options.distributions[0]!, maxSteps, ...abort }).result;
    await run(warmUp);
    perRow += (await run(timed)).seconds / (timed * batchSize * accumulation) / tasks.length;
  }
  const rows = seeds.length * seedWork(plan);
  // A forward pass costs about a third of a training step on the same rows.
  const models = passes.reduce((sum, { members }) => sum + members.length, 0) * orders.length * seeds.length;
  const validation = tasks.map((task) => rowsOf(splitOf(task, split)));
  const scored = validation.reduce(
    (sum, count, j) => sum + count * (plan.zeroShot ? tasks.length : tasks.length - j),
    0,
  );
  return {
    combinations: plan.combinations.map(({ name }) => name),
    passes: passes.map(({ name, members }) => ({ name, replicas: members.length })),
    seeds: seeds.length,
    orders: orders.length,
    rows,
    seconds: perRow * (rows + (models * scored) / 3),
  };
}

/** Which loss it is does not change the time, and the published one does not fit every head. */
function withoutLoss(training: StageTraining): StageTraining {
  return Object.fromEntries(Object.entries(training).filter(([key]) => key !== 'loss'));
}
