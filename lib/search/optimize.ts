import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { addBatches, agreedWidth, batchKey, unfinishedBatches, type Width } from './batches.ts';
import type { SearchEvent } from './events.ts';
import type { Executor } from './executor.ts';
import { Heartbeat } from './heartbeat.ts';
import { giveUp, isLastAttempt } from './lost-attempts.ts';
import { runBatch } from './run-batch.ts';
import type { Space } from './space.ts';
import type { Claim } from './storage/storage.ts';
import type { Study } from './study.ts';
import type { Trial } from './trial.ts';

export interface OptimizeOptions {
  /** Trials of the study in the end, those it has already among them; attached ones do not count. Needed unless there is a timeout or a signal. */
  readonly trials?: number;
  /** Milliseconds after which no batch is begun any more; those that run go on to their end. */
  readonly timeout?: number;
  /**
   * `lockstep` (default): the next round of batches is made when all trials before it are finished, so that the study is the same whatever the number of workers and interruptions.
   * `async`: whoever is free asks at once.
   */
  readonly mode?: 'lockstep' | 'async';
  /** Milliseconds after which others take over trials of a worker that is not heard of. Default: the study's. */
  readonly lease?: number;
  /** Attempts at a trial that may be lost with their workers before it has failed; the last is made alone. Default: the study's. */
  readonly attempts?: number;
  /** Aborted, running trials are released with their reports, and `optimize` rejects with the reason. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SearchEvent) => void;
  /** Name of this worker, for people. Default: the study's. */
  readonly worker?: string;
}

const schema = z.object({
  trials: z.int().min(1).optional(),
  timeout: z.number().positive().optional(),
  mode: z.enum(['lockstep', 'async']).default('lockstep'),
  lease: z.number().min(1).max(86_400_000).optional(),
  attempts: z.int().min(1).optional(),
});

/**
 * Runs trials until the study has as many as wanted and all are finished. Any number of workers may do this at once on one storage, and any may be killed: what it leaves behind is taken up by the others
 * when its lease runs out, or by the next call. The executor is not disposed of.
 *
 * @returns why it ended
 * @throws LrdistError ERR_INVALID_OPTION; ERR_PROTOCOL_MISMATCH if a lockstep study has larger batches than the executor takes; ERR_STORAGE
 */
export async function optimize<S extends Space>(
  study: Study<S>,
  executor: Executor,
  options: OptimizeOptions = {},
): Promise<'trials' | 'timeout'> {
  const parsed = schema.safeParse(options);
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw new LrdistError('ERR_INVALID_OPTION', lines.join('\n'));
  }
  if (options.trials === undefined && options.timeout === undefined && options.signal === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'trials: expected an integer from 1, received undefined', {
      remedy: 'Say how many trials the study is to have, or give a timeout or a signal.',
    });
  return new Loop(study, executor, { ...options, mode: parsed.data.mode }).run();
}

type LoopOptions = OptimizeOptions & { readonly mode: 'lockstep' | 'async' };
type Next = readonly Claim[] | 'wait for own' | 'wait for others' | 'done';

class Loop {
  readonly #study: Study;
  readonly #executor: Executor;
  readonly #options: LoopOptions;
  readonly #lease: number;
  readonly #attempts: number;
  readonly #heartbeat: Heartbeat;
  readonly #ends: number;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #running = new Map<string, Promise<void>>();
  #waitsForOthers = false;

  constructor(study: Study, executor: Executor, options: LoopOptions) {
    this.#study = study;
    this.#executor = executor;
    this.#options = options;
    this.#lease = options.lease ?? study.lease;
    this.#attempts = options.attempts ?? study.attempts;
    this.#heartbeat = new Heartbeat(study.storage, study.stored.id, this.#lease);
    this.#ends = Date.now() + (options.timeout ?? Infinity);
    this.#signal = AbortSignal.any([this.#stop.signal, ...(options.signal ? [options.signal] : [])]);
  }

  async run(): Promise<'trials' | 'timeout'> {
    try {
      for (;;) {
        const ended = await this.#fill();
        if (ended) return ended;
        await this.#pause();
      }
    } catch (error) {
      this.#stop.abort(error);
      throw error;
    } finally {
      await Promise.allSettled(this.#running.values());
      this.#heartbeat.stop();
    }
  }

  /** Begins batches while there are free places and work. @returns why all is over, if it is */
  async #fill(): Promise<'trials' | 'timeout' | undefined> {
    this.#signal.throwIfAborted();
    let next: Next = 'wait for own';
    while (this.#running.size < this.#executor.parallel) {
      const timeIsUp = Date.now() >= this.#ends;
      next = timeIsUp ? 'done' : await this.#next();
      this.#signal.throwIfAborted();
      if (typeof next === 'string') {
        if (next === 'done' && this.#running.size === 0) return timeIsUp ? 'timeout' : 'trials';
        break;
      }
      this.#begin(next);
    }
    this.#waitsForOthers = next === 'wait for others';
    return undefined;
  }

  async #next(): Promise<Next> {
    const { storage, stored } = this.#study;
    let trials = await storage.trials(stored.id);
    for (;;) {
      const left = await this.#claimLeft(trials);
      if (left.length > 0) {
        const claims = await this.#withoutHopeless(left);
        if (claims.length > 0) return claims;
        trials = await storage.trials(stored.id);
        continue;
      }
      if (!this.#mustWait(trials)) {
        const { added, now } = await this.#extend();
        trials = now;
        if (added) continue;
      }
      const open = unfinishedBatches(trials);
      if (open.length === 0) return 'done';
      const others = open.filter((batch) => !this.#running.has(batchKey(batch[0]!))).flat();
      if (others.length === 0) return 'wait for own';
      if (!this.#waitsForOthers) this.#emit({ type: 'waiting', trials: others.map(({ number }) => number) });
      return 'wait for others';
    }
  }

  /** In lockstep the barrier: all trials before are finished. */
  #mustWait(trials: readonly Trial[]): boolean {
    return this.#options.mode === 'lockstep' && unfinishedBatches(trials).length > 0;
  }

  /** A batch that nobody works on: new, released, or left by a worker that is gone. */
  async #claimLeft(trials: readonly Trial[]): Promise<readonly Claim[]> {
    const { storage, stored, worker } = this.#study;
    for (const batch of unfinishedBatches(trials)) {
      if (this.#running.has(batchKey(batch[0]!))) continue;
      const lockstep = this.#options.mode === 'lockstep';
      const most = isLastAttempt(batch, this.#attempts) ? 1 : lockstep ? batch.length : this.#executor.batchSize;
      const count = Math.min(batch.length, most);
      const claims = await storage.claim(stored.id, {
        count,
        worker: this.#options.worker ?? worker,
        lease: this.#lease,
        trials: batch.map(({ number }) => number),
      });
      if (claims.length === count || (!lockstep && claims.length > 0)) return claims;
      // In lockstep a batch is run whole: somebody else holds a part of it, for a moment or until a lease runs out.
      if (claims.length > 0) await storage.release(stored.id, claims);
    }
    return [];
  }

  /** The claims but those of trials that were lost too often. */
  async #withoutHopeless(claims: readonly Claim[]): Promise<readonly Claim[]> {
    const { storage, stored } = this.#study;
    const { going, failed } = await giveUp(storage, stored.id, claims, this.#attempts);
    for (const { trial, error } of failed)
      this.#emit({ type: 'finished', trial, state: 'failed', values: null, error });
    return going;
  }

  /** Makes new batches, unless the total is reached or another worker was quicker. */
  async #extend(): Promise<{ readonly added: boolean; readonly now: readonly Trial[] }> {
    const { storage, stored, sampler } = this.#study;
    const total = this.#options.trials ?? Infinity;
    return storage.locked(stored.id, async (locked) => {
      const trials = await locked.trials();
      if (this.#mustWait(trials)) return { added: false, now: trials };
      const plan = { ...this.#width(trials), total };
      const count = await addBatches(locked, trials, { definition: stored, sampler }, plan);
      return { added: count > 0, now: count > 0 ? await locked.trials() : trials };
    });
  }

  #width(trials: readonly Trial[]): Width & { readonly round?: number } {
    const { batchSize, parallel } = this.#executor;
    if (this.#options.mode === 'async') return { batchSize, batches: 1 };
    const width = agreedWidth(trials) ?? { batchSize, batches: parallel };
    if (width.batchSize > batchSize)
      throw new LrdistError(
        'ERR_PROTOCOL_MISMATCH',
        `the study "${this.#study.name}" runs ${width.batchSize} trials in a batch, the executor takes ${batchSize}`,
        { remedy: `Take an executor with a batch size of ${width.batchSize} or more, or mode async.` },
      );
    const rounds = trials.map(({ attributes }) => (typeof attributes.round === 'number' ? attributes.round : -1));
    return { ...width, round: 1 + Math.max(-1, ...rounds) };
  }

  #begin(claims: readonly Claim[]): void {
    const key = batchKey(claims[0]!.trial);
    const running = runBatch({
      study: this.#study,
      executor: this.#executor,
      heartbeat: this.#heartbeat,
      claims,
      signal: this.#signal,
      visible: this.#visible(claims),
      emit: (event) => this.#emit(event),
    })
      // One that fails ends all: the loop finds the signal aborted with this reason.
      .catch((error: unknown) => this.#stop.abort(error))
      .finally(() => this.#running.delete(key));
    this.#running.set(key, running);
  }

  /** In lockstep a pruner sees nothing of the batches beside its own: they may be sooner or later. */
  #visible(claims: readonly Claim[]): (trial: Trial) => boolean {
    const round = claims[0]!.trial.attributes.round;
    if (this.#options.mode === 'async' || typeof round !== 'number') return () => true;
    return ({ attributes }) => !(typeof attributes.round === 'number' && attributes.round >= round);
  }

  /** Until a batch ends, or it is time to look at the storage again. */
  async #pause(): Promise<void> {
    this.#executor.settled?.();
    const wake = new AbortController();
    const waits: Promise<unknown>[] = [...this.#running.values()];
    if (this.#waitsForOthers || waits.length === 0) {
      const every = Math.min(Math.max(this.#lease / 20, 10), 1000);
      const signal = AbortSignal.any([wake.signal, this.#signal]);
      waits.push(sleep(every, undefined, { signal }).catch(() => undefined));
    }
    await Promise.race(waits);
    wake.abort();
  }

  #emit(event: SearchEvent): void {
    this.#options.onEvent?.(event);
  }
}
