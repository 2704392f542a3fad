import { z } from 'zod';
import { LrdistError } from '../../errors.ts';
import type { BatchContext, BatchObjective, Executor, Job, JobResult } from '../executor.ts';
import { codeOf, failedResults, reasonOf } from './failures.ts';

export interface InProcessOptions {
  /** Trials that the objective takes side by side. Default 1. */
  readonly batchSize?: number;
  /** Batches at once. Default 1. */
  readonly parallel?: number;
}

const schema = z.strictObject({ batchSize: z.int().min(1).default(1), parallel: z.int().min(1).default(1) });

/**
 * Calls the objective in this process: right where the work itself is done on other threads. A batch that memory runs out in (ERR_OUT_OF_MEMORY) is run again in
 * halves. A lost device (ERR_DEVICE_LOST) is no fault of the trials, and nothing more can be done in this process: `run` rejects, and they go back to the study.
 *
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function inProcessExecutor(objective: BatchObjective, options: InProcessOptions = {}): Executor {
  const { batchSize, parallel } = checkExecutorOptions(schema, options);
  async function run(jobs: readonly Job[], context: BatchContext): Promise<readonly JobResult[]> {
    context.signal.throwIfAborted();
    try {
      const results = await objective(jobs, context);
      context.signal.throwIfAborted();
      return results;
    } catch (error) {
      context.signal.throwIfAborted();
      if (codeOf(error) === 'ERR_DEVICE_LOST') throw error;
      if (codeOf(error) !== 'ERR_OUT_OF_MEMORY' || jobs.length === 1) return failedResults(jobs, reasonOf(error));
      const half = Math.ceil(jobs.length / 2);
      const trials = jobs.map(({ trial }) => trial);
      context.progress({ type: 'crash', trials, error: reasonOf(error), outOfMemory: true, next: half });
      return [...(await run(jobs.slice(0, half), context)), ...(await run(jobs.slice(half), context))];
    }
  }
  return { name: 'in-process', batchSize, parallel, run, dispose: async () => {} };
}

/** @throws LrdistError ERR_INVALID_OPTION */
export function checkExecutorOptions<T extends z.ZodType>(options: T, given: unknown): z.output<T> {
  const parsed = options.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new LrdistError('ERR_INVALID_OPTION', lines.join('\n'));
}
