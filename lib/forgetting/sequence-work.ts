/** How much there is to train, in rows, replicas counted. */
import { type Pass } from './passes.ts';
import { penaltyAt } from './penalties.ts';
import { isJoint, type SequencePlan, stageCounts } from './sequence-plan.ts';

/** Of one stage: its steps' rows, those beside them, for every replica. */
export function stageWork(
  plan: SequencePlan,
  stage: number,
  order: readonly number[],
  replicas: number,
  pass?: Pass,
): number {
  const training = plan.trainingAt(stage);
  const earlier = order.slice(0, stage).map((t) => plan.tasks[t]!);
  const joint = pass !== undefined && isJoint(pass, stage);
  const { total, batchSize, accumulation } = stageCounts(training, plan.tasks[order[stage]!]!, joint ? earlier : []);
  const kind = pass?.penalty !== undefined && stage > 0 ? penaltyAt(pass.penalty, stage).kind.name : 'none';
  const beside = kind === 'replay' ? 1 : kind === 'lwf' ? (plan.sameHead ? 1 : stage) : 0;
  return total * batchSize * accumulation * replicas * (1 + beside);
}

/** Of one seed. */
export function seedWork(plan: SequencePlan): number {
  const T = plan.tasks.length;
  const keep = plan.mode === 'keep';
  let sum = 0;
  if (plan.first.kind === 'rates')
    for (const first of new Set(plan.orders.map((order) => order[0]!))) sum += stageWork(plan, 0, [first], 1);
  for (const order of plan.orders)
    for (const pass of plan.passes)
      for (let stage = keep ? 1 : 0; stage < T; stage++)
        sum += stageWork(plan, stage, order, pass.members.length, pass);
  if (plan.reference)
    for (let stage = 0; stage < T; stage++)
      sum += stageWork(plan, stage, plan.orders[0]!, plan.options.distributions.length);
  return sum;
}
