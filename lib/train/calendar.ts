/** At which steps a run logs, evaluates and saves. */
import { inSteps, type TrainingArguments } from './arguments.ts';
import type { StepCounts } from './plan.ts';

export interface Calendar {
  readonly loggingSteps: number;
  readonly evalSteps: number;
  readonly saveSteps: number;
  logs(step: number, epochEnd: boolean): boolean;
  evaluates(step: number, epochEnd: boolean): boolean;
  /** Whether a step is one of save_strategy `steps` or `epoch`. The last step counts, as with a Trainer. */
  saves(step: number, epochEnd: boolean): boolean;
  /** Besides epoch ends the loop must pause at multiples of these... */
  readonly pauseEvery: readonly number[];
  /** ...and at these steps. */
  readonly pauseAt: readonly number[];
}

export function calendar(args: TrainingArguments, counts: StepCounts): Calendar {
  const loggingSteps = inSteps(args.logging_steps, counts.total);
  const evalSteps = args.eval_steps === undefined ? loggingSteps : inSteps(args.eval_steps, counts.total);
  const saveSteps = inSteps(args.save_steps, counts.total);
  const due = (strategy: string, every: number, step: number, epochEnd: boolean): boolean =>
    (strategy === 'steps' && step % every === 0) || (strategy === 'epoch' && epochEnd);
  const logs = (step: number, epochEnd: boolean): boolean =>
    due(args.logging_strategy, loggingSteps, step, epochEnd) || (args.logging_first_step && step === 1);
  const evaluates = (step: number, epochEnd: boolean): boolean => due(args.eval_strategy, evalSteps, step, epochEnd);
  const saves = (step: number, epochEnd: boolean): boolean =>
    due(args.save_strategy, saveSteps, step, epochEnd) || (args.save_strategy === 'steps' && step === counts.total);
  const pauseEvery = [
    ...(args.logging_strategy === 'steps' ? [loggingSteps] : []),
    ...(args.eval_strategy === 'steps' ? [evalSteps] : []),
    ...(args.save_strategy === 'steps' ? [saveSteps] : []),
  ];
  return {
    loggingSteps,
    evalSteps,
    saveSteps,
    logs,
    evaluates,
    saves,
    pauseEvery,
    pauseAt: args.logging_first_step ? [1] : [],
  };
}
