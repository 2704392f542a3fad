import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LrdistError } from '../../errors.ts';
import type { BatchContext, Job, JobResult } from '../executor.ts';
import type { Json } from '../trial.ts';
import { reasonOf } from './failures.ts';
import { readToParent, type ToChild, type ToParent } from './messages.ts';

export interface ChildOptions {
  readonly module: string;
  readonly options: Json;
  readonly environment: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
  readonly output?: (text: string) => void;
  /** Milliseconds from a polite request to SIGKILL. */
  readonly grace: number;
}

/** How a batch ended in the child. */
export type ChildOutcome =
  | { readonly type: 'done'; readonly results: readonly JobResult[] }
  | { readonly type: 'threw' | 'died'; readonly error: string; readonly cause: 'memory' | 'device' | 'unknown' };

type Unfit = Extract<ToParent, { type: 'unfit' }>;

/** A process that runs batches, one at a time. */
export class Child {
  readonly #process: ChildProcess;
  readonly #grace: number;
  /** Resolves to the reason once the process is gone. */
  readonly #gone: Promise<string>;
  readonly #ready: Promise<Unfit | undefined>;
  #dead = false;
  #tail = '';
  #runs = 0;
  #listen: (message: ToParent) => void = () => {};

  constructor({ module, options, environment, execArgv, output, grace }: ChildOptions) {
    const entry = import.meta.url.endsWith('.ts') ? './child-entry.ts' : './child-entry.js';
    const child = fork(fileURLToPath(new URL(entry, import.meta.url)), [], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
      ...(execArgv ? { execArgv: [...execArgv] } : {}),
    });
    this.#process = child;
    this.#grace = grace;
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        if (stream === child.stderr) this.#tail = (this.#tail + text).slice(-2000);
        output?.(text);
      });
    child.on('message', (message) => this.#receive(message));
    this.#gone = this.#untilGone();
    const { promise, resolve } = Promise.withResolvers<Unfit | undefined>();
    this.#listen = (message) => resolve(message.type === 'unfit' ? message : undefined);
    this.#ready = promise;
    this.#send({ type: 'create', module, options });
  }

  /**
   * @returns why the child ended before it was ready, if it did
   * @throws LrdistError ERR_EXECUTOR if the job module is of no use; ERR_DEVICE_UNAVAILABLE or ERR_DEVICE_LOST if its device is
   */
  async ready(signal: AbortSignal): Promise<string | undefined> {
    const unfit = this.#ready.then((found) => ({ error: found?.error, code: found?.code }));
    const ended = await Promise.race([unfit, this.#gone, aborted(signal)]);
    signal.throwIfAborted();
    if (typeof ended === 'string') return ended;
    if (ended?.error === undefined) return undefined;
    const { code, error } = ended;
    if (code === 'ERR_DEVICE_UNAVAILABLE' || code === 'ERR_DEVICE_LOST')
      throw new LrdistError(code, error.replace(`${code}: `, ''), {
        remedy: 'Run `lrdist doctor`, which looks at the devices.',
      });
    throw new LrdistError('ERR_EXECUTOR', `the job module cannot be used: ${ended.error}`, {
      remedy: 'It must export createObjective(options), which returns an objective.',
    });
  }

  get alive(): boolean {
    return !this.#dead;
  }

  /** Whether the process keeps this one from ending. */
  hold(on: boolean): void {
    const { channel, stdout, stderr } = this.#process;
    const handles = [this.#process, channel, stdout, stderr] as ({ ref(): void; unref(): void } | null | undefined)[];
    for (const handle of handles)
      if (on) handle?.ref();
      else handle?.unref();
  }

  /** Rejects with the signal's reason once it is aborted and the child has stopped or been killed. */
  async run(jobs: readonly Job[], context: BatchContext): Promise<ChildOutcome> {
    const id = this.#runs++;
    const { signal, rungs, maxStep } = context;
    const { promise: answered, resolve } = Promise.withResolvers<ChildOutcome>();
    this.#listen = (message) => {
      if (!('id' in message) || message.id !== id) return;
      if (message.type === 'report') void this.#decide(message, context);
      else if (message.type === 'progress') context.progress(message.event);
      else if (message.type === 'done') resolve({ type: 'done', results: message.results });
      else resolve({ type: 'threw', error: message.error, cause: causeOf(message.code) });
    };
    const died = this.#gone.then((error): ChildOutcome => {
      // What the engine or node said last.
      const memory = /out of memory|ERR_OUT_OF_MEMORY/i.test(error);
      return { type: 'died', error, cause: memory ? 'memory' : 'unknown' };
    });
    const stop = () => this.#send({ type: 'abort', id, reason: reasonOf(signal.reason) });
    signal.addEventListener('abort', stop, { once: true });
    try {
      this.#send({ type: 'run', id, jobs, rungs, maxStep });
      const outcome = await Promise.race([answered, died, aborted(signal)]);
      if (outcome === undefined && (await late(Promise.race([answered, died]), this.#grace))) await this.kill();
      signal.throwIfAborted();
      return outcome!;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#listen = () => {};
    }
  }

  async #decide(message: Extract<ToParent, { type: 'report' }>, context: BatchContext): Promise<void> {
    const { id, report, step, reports } = message;
    try {
      const goOn = await context.report(step, reports);
      this.#send({ type: 'decided', id, report, trials: goOn.map(({ trial }) => trial) });
    } catch (error) {
      this.#send({ type: 'refused', id, report, error: reasonOf(error) });
    }
  }

  /** Asks it to end, and kills it if it does not. */
  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    if (await late(this.#gone, this.#grace)) await this.kill();
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#gone;
  }

  #send(message: ToChild): void {
    // One that is gone is noticed by its exit.
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  #receive(received: unknown): void {
    const message = readToParent(received);
    if (typeof message !== 'string') return this.#listen(message);
    this.#tail += `a message that is none: ${message}`;
    this.#process.kill('SIGKILL');
  }

  async #untilGone(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#process.once('error', (error) => resolve(`could not be started: ${error.message}`));
    this.#process.once('exit', (code, signal) =>
      resolve(signal ? `was ended by ${signal}` : `ended with code ${code}`),
    );
    const closed = once(this.#process, 'close').catch(() => undefined);
    const how = await promise;
    this.#dead = true;
    // The last words may still be in the pipe.
    await late(closed, 500);
    const tail = this.#tail.trim();
    return `the child process ${how}${tail === '' ? '' : `: ${tail}`}`;
  }
}

function causeOf(code: string | undefined): 'memory' | 'device' | 'unknown' {
  return code === 'ERR_OUT_OF_MEMORY' ? 'memory' : code === 'ERR_DEVICE_LOST' ? 'device' : 'unknown';
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** Whether a promise is not settled within so many milliseconds. */
async function late(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const wake = new AbortController();
  const timer = sleep(milliseconds, true, { signal: wake.signal }).catch(() => false);
  const result = await Promise.race([promise.then(() => false), timer]);
  wake.abort();
  return result;
}
