import { LrdistError } from '../../errors.ts';
import type { Trial, TrialReport } from '../trial.ts';
import type { Backend } from './backend.ts';
import {
  checkClaim,
  checkDefinition,
  checkFinished,
  checkLease,
  checkNew,
  checkOutcome,
  checkReport,
  cleanText,
  frozenCopy,
} from './check.ts';
import type {
  Claim,
  ClaimOptions,
  FinishedTrial,
  LockedStudy,
  NewTrial,
  Outcome,
  Storage,
  StoredStudy,
  StudyDefinition,
} from './storage.ts';

/** Checks and copies what goes in, refuses calls after `close`, and lets `close` wait for calls under way. */
export class GuardedStorage implements Storage {
  readonly #backend: Backend;
  /** Definitions never change and ids are never used again, so each is read once. */
  readonly #studies = new Map<number, StoredStudy>();
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get address(): string {
    return this.#backend.address;
  }

  createStudy(definition: StudyDefinition): Promise<StoredStudy> {
    return this.#run(async (backend) => {
      checkDefinition(definition);
      return backend.createStudy(frozenCopy(definition, 'study'));
    });
  }

  findStudy(name: string): Promise<StoredStudy | undefined> {
    return this.#run((backend) => backend.findStudy(name));
  }

  listStudies(): Promise<readonly (StoredStudy & { readonly trials: number })[]> {
    return this.#run((backend) => backend.listStudies());
  }

  deleteStudy(name: string): Promise<boolean> {
    return this.#run((backend) => backend.deleteStudy(name));
  }

  trials(study: number): Promise<readonly Trial[]> {
    return this.#run((backend) => backend.trials(study));
  }

  locked<T>(study: number, action: (study: LockedStudy) => Promise<T>): Promise<T> {
    return this.#run(async (backend) => {
      const definition = await this.#study(study);
      return backend.locked(study, (inner) =>
        action({
          trials: () => inner.trials(),
          add: async (trials) => inner.add(trials.map((trial) => cleanNew(trial, definition))),
          annotate: async (trials, attributes) => inner.annotate(trials, frozenCopy(attributes, 'attributes')),
        }),
      );
    });
  }

  attach(study: number, trials: readonly FinishedTrial[]): Promise<readonly Trial[]> {
    return this.#run(async (backend) => {
      const definition = await this.#study(study);
      return backend.attach(
        study,
        trials.map((trial) => cleanFinished(trial, definition)),
      );
    });
  }

  claim(study: number, options: ClaimOptions): Promise<readonly Claim[]> {
    return this.#run(async (backend) => {
      checkClaim(options);
      return backend.claim(study, { ...options, worker: cleanText(options.worker) });
    });
  }

  renew(study: number, claims: readonly Claim[], lease: number): Promise<readonly Claim[]> {
    return this.#run(async (backend) => {
      checkLease(lease);
      return backend.renew(study, claims, lease);
    });
  }

  release(study: number, claims: readonly Claim[]): Promise<void> {
    return this.#run((backend) => backend.release(study, claims));
  }

  report(study: number, claim: Claim, report: TrialReport): Promise<boolean> {
    return this.#run(async (backend) => {
      checkReport(report, await this.#study(study));
      return backend.report(study, claim, frozenCopy(report, 'report'));
    });
  }

  annotate(study: number, claim: Claim, attributes: NonNullable<NewTrial['attributes']>): Promise<boolean> {
    return this.#run((backend) => backend.annotate(study, claim, frozenCopy(attributes, 'attributes')));
  }

  finish(study: number, claim: Claim, outcome: Outcome): Promise<boolean> {
    return this.#run(async (backend) => {
      checkOutcome(outcome, await this.#study(study));
      return backend.finish(study, claim, cleanOutcome(outcome));
    });
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#running).then(() => this.#backend.close());
    return this.#closing;
  }

  async #run<T>(call: (backend: Backend) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined)
      throw new LrdistError('ERR_DISPOSED', `storage ${this.address} was used after close()`);
    const running = call(this.#backend);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #study(id: number): Promise<StoredStudy> {
    const known = this.#studies.get(id) ?? (await this.#backend.study(id));
    this.#studies.set(id, known);
    return known;
  }
}

function cleanNew(trial: NewTrial, definition: StudyDefinition): NewTrial {
  checkNew(trial, definition);
  return frozenCopy(trial, 'trial');
}

function cleanFinished(trial: FinishedTrial, definition: StudyDefinition): FinishedTrial {
  checkFinished(trial, definition);
  return cleanOutcome(trial);
}

function cleanOutcome<T extends Outcome>(outcome: T): T {
  const { error } = outcome;
  return frozenCopy(typeof error === 'string' ? { ...outcome, error: cleanText(error) } : outcome, 'trial');
}
