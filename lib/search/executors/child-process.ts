import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { isLrdistError, LrdistError } from '../../errors.ts';
import type { BatchContext, Executor, Job, JobResult } from '../executor.ts';
import type { Json } from '../trial.ts';
import { Child, type ChildOptions, type ChildOutcome } from './child.ts';
import { failedResults } from './failures.ts';
import { checkExecutorOptions } from './in-process.ts';

export interface ChildProcessOptions {
  /** The job module, by URL or absolute path. It exports `createObjective(options)`, which returns a `BatchObjective` or the promise of one. */
  readonly module: string | URL;
  /** Handed to `createObjective`. */
  readonly options?: Json;
  /** Children at once: a number, or the environment of each, such as `{ CUDA_VISIBLE_DEVICES: '1' }`. Default 1. */
  readonly slots?: number | readonly Readonly<Record<string, string>>[];
  /** Trials that the objective takes side by side. Default 1. */
  readonly batchSize?: number;
  /** How often a batch whose child ended for an unknown reason is run again as it is, before it is run in halves. Default 1. */
  readonly retries?: number;
  /** Milliseconds that a child has to stop when it is asked to, before it is killed. Default 10,000. */
  readonly grace?: number;
  /** Options of node for the children. Default: those of this process. */
  readonly execArgv?: readonly string[];
  /** What the children print. */
  readonly output?: (text: string) => void;
}

const schema = z.object({
  module: z
    .union([z.instanceof(URL).transform((url) => url.href), z.string()])
    .refine((path) => path.startsWith('file:') || isAbsolute(path), 'expected a file URL or an absolute path'),
  options: z.json().default(null),
  slots: z
    .union([z.int().min(1).max(1024), z.array(z.record(z.string(), z.string())).min(1)])
    .default(1)
    .transform((slots) => (typeof slots === 'number' ? Array.from({ length: slots }, () => ({})) : slots)),
  batchSize: z.int().min(1).default(1),
  retries: z.int().min(0).default(1),
  grace: z.number().min(0).default(10_000),
  execArgv: z.array(z.string()).optional(),
});

/** A child may die on its way up, too; after so many in a row something is wrong with the program. */
const MOST_STARTS = 5;

/**
 * Runs batches in child processes that are kept alive, so that a crash costs one batch and not the search. A batch whose child says that memory ran out (ERR_OUT_OF_MEMORY, or the heap of node) is run again in
 * halves, and later batches are as small; one whose child ends for an unknown reason, or loses its device (ERR_DEVICE_LOST), is run again as it is, then in halves; a single trial that still fails has failed, with
 * the reason and the last of what the child wrote to standard error. What happened before is in the trial's attribute `crashes`. Every time a new child takes the place of the old one. A place whose device is gone
 * is given up, and the batch goes to another.
 *
 * @throws LrdistError ERR_INVALID_OPTION; `run` rejects with ERR_EXECUTOR if the job module cannot be used, with ERR_DEVICE_UNAVAILABLE or ERR_DEVICE_LOST if no place is left
 */
export function childProcessExecutor(options: ChildProcessOptions): Executor {
  const checked = checkExecutorOptions(schema, options);
  return new ChildProcessExecutor({ ...checked, output: options.output });
}

type Checked = z.output<typeof schema> & { readonly output: ChildProcessOptions['output'] };

interface Slot {
  readonly environment: Readonly<Record<string, string>>;
  child: Child | undefined;
}

class ChildProcessExecutor implements Executor {
  readonly name = 'child-process';
  readonly batchSize: number;
  readonly parallel: number;
  readonly #options: Checked;
  /** Places that can be used. */
  #slots: readonly Slot[];
  readonly #free: Slot[];
  readonly #queue: { readonly resolve: (slot: Slot) => void; readonly reject: (error: unknown) => void }[] = [];
  /** Why no place is left. */
  #gone: LrdistError | undefined;
  /** Trials in a batch, at most, since memory ran out. */
  #most = Infinity;
  #disposed = false;

  constructor(options: Checked) {
    this.#options = options;
    this.batchSize = options.batchSize;
    this.parallel = options.slots.length;
    this.#slots = options.slots.map((environment) => ({ environment, child: undefined }));
    this.#free = [...this.#slots];
  }

  async run(jobs: readonly Job[], context: BatchContext): Promise<readonly JobResult[]> {
    for (;;) {
      context.signal.throwIfAborted();
      if (this.#gone !== undefined) throw this.#gone;
      const slot =
        this.#free.shift() ?? (await new Promise<Slot>((resolve, reject) => this.#queue.push({ resolve, reject })));
      try {
        const results = await this.#runInParts(slot, jobs, context, Math.min(jobs.length, this.#most), []);
        this.#giveBack(slot);
        return results;
      } catch (error) {
        if (!hasNoDevice(error)) {
          this.#giveBack(slot);
          throw error;
        }
        await this.#giveUp(slot, error, context);
      }
    }
  }

  #giveBack(slot: Slot): void {
    slot.child?.hold(false);
    const next = this.#queue.shift();
    if (next) next.resolve(slot);
    else this.#free.push(slot);
  }

  /** Of a place whose device is gone. @throws the reason if it was the last one */
  async #giveUp(slot: Slot, error: LrdistError, context: BatchContext): Promise<void> {
    this.#slots = this.#slots.filter((each) => each !== slot);
    slot.child?.hold(false);
    await slot.child?.end();
    const left = this.#slots.length;
    const device = slot.environment['CUDA_VISIBLE_DEVICES'];
    const where = device === undefined ? 'a child process' : `the child process on GPU ${device}`;
    if (left > 0) {
      context.progress({
        type: 'note',
        note: `${where} has no device: ${error.message}; ${left} of ${this.parallel} go on`,
      });
      return;
    }
    this.#gone = error;
    for (const { reject } of this.#queue.splice(0)) reject(error);
    throw error;
  }

  async #runInParts(
    slot: Slot,
    jobs: readonly Job[],
    context: BatchContext,
    size: number,
    crashes: readonly string[],
  ): Promise<readonly JobResult[]> {
    const results: JobResult[] = [];
    for (let first = 0; first < jobs.length; first += size)
      results.push(...(await this.#runPart(slot, jobs.slice(first, first + size), context, crashes)));
    return results;
  }

  async #runPart(
    slot: Slot,
    jobs: readonly Job[],
    context: BatchContext,
    before: readonly string[],
  ): Promise<readonly JobResult[]> {
    let crashes = before;
    for (let retries = this.#options.retries; ; retries--) {
      const outcome = await this.#runOnce(slot, jobs, context);
      if (outcome.type === 'done') return withCrashes(outcome.results, crashes);
      const { type, error, cause } = outcome;
      const outOfMemory = cause === 'memory';
      if (type === 'threw' && cause === 'unknown') return withCrashes(failedResults(jobs, error), crashes);
      // After a failed allocation, too, a fresh process is the safer place; after a lost device it is the only one.
      await slot.child?.end();
      crashes = [...crashes, error];
      const asItIs = !outOfMemory && retries > 0;
      const half = Math.ceil(jobs.length / 2);
      const next = asItIs ? jobs.length : jobs.length > 1 ? half : 0;
      const trials = jobs.map(({ trial }) => trial);
      context.progress({ type: 'crash', trials, error, outOfMemory, next });
      if (asItIs) continue;
      if (jobs.length === 1) return withCrashes(failedResults(jobs, error), crashes);
      if (outOfMemory) this.#most = Math.min(this.#most, half);
      return this.#runInParts(slot, jobs, context, half, crashes);
    }
  }

  async #runOnce(slot: Slot, jobs: readonly Job[], context: BatchContext): Promise<ChildOutcome> {
    const child = await this.#childOf(slot, context.signal);
    child.hold(true);
    const outcome = await child.run(jobs, context);
    this.#checkOpen();
    return outcome;
  }

  async #childOf(slot: Slot, signal: AbortSignal): Promise<Child> {
    let ended: string | undefined;
    for (let start = 0; start < MOST_STARTS; start++) {
      this.#checkOpen();
      signal.throwIfAborted();
      if (!slot.child?.alive) slot.child = new Child(this.#childOptions(slot));
      slot.child.hold(true);
      ended = await slot.child.ready(signal);
      if (ended === undefined) return slot.child;
    }
    this.#checkOpen();
    throw new LrdistError('ERR_EXECUTOR', `no child process comes up; the last of ${MOST_STARTS}: ${ended}`);
  }

  #childOptions({ environment }: Slot): ChildOptions {
    const { module, options, execArgv, output, grace } = this.#options;
    return {
      module,
      options: options,
      environment,
      grace,
      ...(execArgv ? { execArgv } : {}),
      ...(output ? { output } : {}),
    };
  }

  #checkOpen(): void {
    if (this.#disposed) throw new LrdistError('ERR_DISPOSED', 'the executor was disposed of');
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    await Promise.all(this.#slots.map(async ({ child }) => child?.end()));
  }
}

function hasNoDevice(error: unknown): error is LrdistError {
  return isLrdistError(error) && (error.code === 'ERR_DEVICE_UNAVAILABLE' || error.code === 'ERR_DEVICE_LOST');
}

function withCrashes(results: readonly JobResult[], crashes: readonly string[]): readonly JobResult[] {
  if (crashes.length === 0) return results;
  return results.map((result) => ({ ...result, attributes: { ...result.attributes, crashes } }));
}
