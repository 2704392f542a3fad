// The program of a child process: loads the job module it is told, and runs the batches it is sent until its parent is gone.
import { fileURLToPath, pathToFileURL } from 'node:url';
import { LrdistError } from '../../errors.ts';
import type { BatchContext, BatchObjective, Job } from '../executor.ts';
import { codeOf, reasonOf } from './failures.ts';
import { readToChild, readToParent, type ToChild, type ToParent } from './messages.ts';

type Run = Extract<ToChild, { type: 'run' }>;

interface Waiting {
  readonly resolve: (trials: readonly number[]) => void;
  readonly reject: (error: Error) => void;
}

let objective: BatchObjective | undefined;
let abort = new AbortController();
let reports = 0;
const waiting = new Map<number, Waiting>();

process.on('message', (message) => void receive(message));
// Whatever was running has nobody left to report to.
process.on('disconnect', () => process.exit(1));
// Ctrl-C in a terminal reaches the whole group: the parent decides what ends, and how.
process.on('SIGINT', () => undefined);

async function receive(received: unknown): Promise<void> {
  const message = readToChild(received);
  if (typeof message === 'string') throw new LrdistError('ERR_EXECUTOR', `a message that is none: ${message}`);
  switch (message.type) {
    case 'create':
      return create(message);
    case 'run':
      return run(message);
    case 'decided':
      waiting.get(message.report)?.resolve(message.trials);
      break;
    case 'refused':
      waiting.get(message.report)?.reject(new Error(message.error));
      break;
    case 'abort':
      abort.abort(new LrdistError('ERR_STOPPED', message.reason));
      for (const { reject } of waiting.values()) reject(abort.signal.reason as Error);
      break;
  }
}

async function create({ module, options }: Extract<ToChild, { type: 'create' }>): Promise<void> {
  try {
    const url = module.startsWith('file:') ? module : pathToFileURL(module).href;
    const loaded = (await import(url)) as { createObjective?: (options: unknown) => unknown };
    if (typeof loaded.createObjective !== 'function')
      throw new Error(`${fileURLToPath(url)} exports no function createObjective`);
    const made = await loaded.createObjective(options);
    if (typeof made !== 'function') throw new Error(`createObjective of ${fileURLToPath(url)} returned no function`);
    objective = made as BatchObjective;
    send({ type: 'ready' });
  } catch (error) {
    send({ type: 'unfit', error: reasonOf(error), ...code(error) });
  }
}

async function run({ id, jobs, rungs, maxStep }: Run): Promise<void> {
  abort = new AbortController();
  const context: BatchContext = {
    signal: abort.signal,
    rungs,
    maxStep,
    progress: (event) => send({ type: 'progress', id, event }),
    async report(step, list) {
      const report = reports++;
      const answer = new Promise<readonly number[]>((resolve, reject) => waiting.set(report, { resolve, reject }));
      send({ type: 'report', id, report, step, reports: list });
      try {
        const goesOn = new Set(await answer);
        return list.map(({ job }) => job).filter(({ trial }: Job) => goesOn.has(trial));
      } finally {
        waiting.delete(report);
      }
    },
  };
  try {
    send({ type: 'done', id, results: await objective!(jobs, context) });
  } catch (error) {
    send({ type: 'threw', id, error: reasonOf(error), ...code(error) });
  }
}

function code(error: unknown): { readonly code?: string } {
  const known = codeOf(error);
  return known === undefined ? {} : { code: known };
}

/** @throws Error if what the objective gave is no report or result */
function send(message: ToParent): void {
  const checked = readToParent(message);
  if (typeof checked === 'string') throw new Error(`${message.type} of the objective: ${checked}`);
  // A parent that is gone is noticed by 'disconnect'.
  if (process.connected) process.send!(message, undefined, {}, () => undefined);
}
