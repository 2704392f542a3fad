import { z } from 'zod';
import { LrdistError } from '../../errors.ts';
import type { BatchObjective, Executor } from '../executor.ts';
import { failedResults, reasonOf } from './failures.ts';

export interface InProcessOptions {
  /** Trials that the objective takes side by side. Default 1. */
  readonly batchSize?: number;
  /** Batches at once. Default 1. */
  readonly parallel?: number;
}

const schema = z.strictObject({ batchSize: z.int().min(1).default(1), parallel: z.int().min(1).default(1) });

/**
 * Calls the objective in this process: right where the work itself is done on other threads.
 *
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function inProcessExecutor(objective: BatchObjective, options: InProcessOptions = {}): Executor {
  const { batchSize, parallel } = checkExecutorOptions(schema, options);
  return {
    name: 'in-process',
    batchSize,
    parallel,
    async run(jobs, context) {
      context.signal.throwIfAborted();
      try {
        const results = await objective(jobs, context);
        context.signal.throwIfAborted();
        return results;
      } catch (error) {
        context.signal.throwIfAborted();
        return failedResults(jobs, reasonOf(error));
      }
    },
    dispose: async () => {},
  };
}

/** @throws LrdistError ERR_INVALID_OPTION */
export function checkExecutorOptions<T extends z.ZodType>(options: T, given: unknown): z.output<T> {
  const parsed = options.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new LrdistError('ERR_INVALID_OPTION', lines.join('\n'));
}
