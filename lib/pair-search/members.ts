/** Candidates as members of a staged run. */
import type { Memory } from '../forgetting/memory.ts';
import type { StageTraining } from '../forgetting/options.ts';
import { regularizerOf } from '../forgetting/stage.ts';
import { countRun } from '../train/plan.ts';
import type { Regularizer } from '../train/regularizers.ts';
import { splitOf } from '../train/task.ts';
import type { PairRunOptions } from './batch-run.ts';
import type { Candidate } from './candidate.ts';
import type { PairOptions } from './options.ts';
import type { PairModel } from './pair-model.ts';
import { epochsOf } from './stage-training.ts';
import type { Member, StagedRun } from './staged-run.ts';

export function memberOf(
  { distribution, warmupRatio, weightDecay }: Candidate,
  index: number,
  { training, epochs, regularizer }: { training: StageTraining; epochs: number; regularizer: Regularizer },
): Member {
  const warmup = warmupRatio === undefined ? {} : { warmup_steps: 0, warmup_ratio: warmupRatio };
  return {
    index,
    distribution,
    epochs,
    schedule: { ...training.schedule, ...warmup },
    weightDecay: weightDecay ?? training.weightDecay ?? 0,
    regularizer,
  };
}

/** The run of one stage of these members. */
export function stageOf(
  { options, model, mode }: PairModel,
  members: readonly Member[],
  training: StageTraining,
  stage: 0 | 1,
  { signal, rungs, onStep }: PairRunOptions,
): StagedRun {
  const common = without(training, 'epochs', 'maxSteps', 'schedule', 'weightDecay');
  const task = options.tasks[stage];
  return {
    model,
    members,
    stops: rungs,
    common: {
      ...common,
      task,
      // The paper's loss is for classes.
      ...(common.loss === 'double-softmax' && task.labels === null ? { loss: 'mse' as const } : {}),
      stage,
      moments: stage === 1 && mode === 'paper' ? (options.moments ?? 'fresh') : 'fresh',
      ...(signal && { signal }),
    },
    onStep: (step, of, _members, losses) => onStep?.({ stage: (stage + 1) as 1 | 2, step, of, losses }),
  };
}

/** The pair's penalty at the candidate's strength, towards the weights at `start`. */
export function penaltyOf(
  { penalty: strength }: Candidate,
  { penalty: kind, tasks }: PairOptions,
  training: StageTraining,
  start: number,
  memory: Memory | undefined,
): Regularizer {
  if (kind === undefined) return { kind: 'none' };
  const numbers = Object.fromEntries(
    kind.numbers.map(({ name, value }, i) => [name, i === 0 ? (strength ?? value) : value]),
  );
  const { total } = countRun({ ...training, epochs: epochsOf(training), maxSteps: -1 }, [splitOf(tasks[1], 'train')]);
  const pretrained = { weights: undefined, fisher: undefined };
  return regularizerOf(
    { kind, name: kind.name, numbers },
    { pretrained, memory, start, childFisher: undefined },
    total,
  );
}

function without<T extends object, K extends keyof T>(object: T, ...keys: readonly K[]): Omit<T, K> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key as K))) as Omit<T, K>;
}
