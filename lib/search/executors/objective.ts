import type { BatchContext, BatchObjective, Job, JobResult } from '../executor.ts';
import type { Parameters } from '../space.ts';
import { reasonOf } from './failures.ts';

/** What a plain objective is handed besides the parameters. */
export interface TrialContext {
  readonly trial: number;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly maxStep: number;
  /** Steps at which the trial may be ended. */
  readonly rungs: readonly number[];
  /** @returns whether the trial goes on; if not, return or throw whatever you like: it is recorded as pruned */
  readonly report: (step: number, values: number | readonly number[]) => Promise<boolean>;
}

export type Objective = (
  parameters: Parameters,
  context: TrialContext,
) => Promise<number | readonly number[]> | number | readonly number[];

/** An objective for one trial at a time, as executors take it; jobs of a batch run one after the other. A trial whose objective throws has failed. */
export function plainObjective(objective: Objective): BatchObjective {
  return async (jobs, context) => {
    const results: JobResult[] = [];
    for (const job of jobs) results.push(await runOne(objective, job, context));
    return results;
  };
}

async function runOne(objective: Objective, job: Job, context: BatchContext): Promise<JobResult> {
  let goesOn = true;
  const { signal, maxStep, rungs } = context;
  const report = async (step: number, values: number | readonly number[]) => {
    const list = typeof values === 'number' ? [values] : values;
    goesOn = (await context.report(step, [{ job, values: list }])).length > 0;
    return goesOn;
  };
  try {
    const values = await objective(job.parameters, { ...job, signal, maxStep, rungs, report });
    if (!goesOn) return { job, state: 'pruned' };
    return { job, state: 'complete', values: typeof values === 'number' ? [values] : values };
  } catch (error) {
    signal.throwIfAborted();
    if (!goesOn) return { job, state: 'pruned' };
    return { job, state: 'failed', error: reasonOf(error) };
  }
}
