import type { Direction, Parameters, Space } from '../space.ts';
import type { Json, Trial, TrialOrigin, TrialReport } from '../trial.ts';

/** What a study is, fixed when it is created. Opening it with another one is refused, with what differs. */
export interface StudyDefinition {
  readonly name: string;
  readonly directions: readonly Direction[];
  /** Names of the objectives, such as `p_s`. */
  readonly objectives: readonly string[];
  readonly space: Space;
  readonly seed: number;
  /** The last step of a trial that runs to its end. */
  readonly maxStep: number;
  /** What the values depend on: model, tasks, rows, protocol, versions, sampler, pruner. Compared key by key when the study is opened again. */
  readonly protocol: Readonly<Record<string, Json>>;
}

export interface StoredStudy extends StudyDefinition {
  readonly id: number;
  readonly created: number;
}

export interface NewTrial {
  readonly parameters: Parameters;
  readonly origin: TrialOrigin;
  readonly attributes?: Readonly<Record<string, Json>>;
}

export interface FinishedTrial extends NewTrial {
  readonly state: 'complete' | 'pruned' | 'failed';
  readonly values: readonly number[] | null;
  readonly constraints?: readonly number[] | null;
  readonly reports?: readonly TrialReport[];
  readonly error?: string | null;
  /** Milliseconds since 1970; without them, now. */
  readonly started?: number;
  readonly finished?: number;
}

/** A worker's hold on a trial: sure until the lease runs out; after that until somebody else has claimed the trial, and a renewal makes it sure again. */
export interface Claim {
  readonly trial: Trial;
  /** Names this attempt, and is asked for by every write: what an earlier attempt writes late is refused. */
  readonly token: string;
}

export interface Outcome {
  readonly state: 'complete' | 'pruned' | 'failed';
  readonly values: readonly number[] | null;
  readonly constraints?: readonly number[] | null;
  readonly attributes?: Readonly<Record<string, Json>>;
  readonly error?: string | null;
}

export interface ClaimOptions {
  /** At most so many. */
  readonly count: number;
  /** Name of the worker, for people. */
  readonly worker: string;
  /** Milliseconds that the hold is valid for unless it is renewed, by the clock of the database. */
  readonly lease: number;
  /** Only among these (numbers of trials), such as those of one batch. Without it, among all. */
  readonly trials?: readonly number[];
}

/** Within `locked`: nobody else adds trials meanwhile. The functions may be taken out of the object. */
export interface LockedStudy {
  trials(this: void): Promise<readonly Trial[]>;
  add(this: void, trials: readonly NewTrial[]): Promise<readonly Trial[]>;
  /** Merges attributes into waiting trials (by number), such as the batch that enqueued ones were put into; others are passed over. */
  annotate(this: void, trials: readonly number[], attributes: Readonly<Record<string, Json>>): Promise<void>;
}

/**
 * Studies and their trials. Every method is one transaction; all may be called from several processes at once. A study that is gone is ERR_STUDY_NOT_FOUND;
 * a connection that is lost is tried again with back-off before it is ERR_STORAGE.
 */
export interface Storage {
  /** As a user would write it, without a password: for messages. */
  readonly address: string;

  /** @throws ERR_STUDY_EXISTS */
  createStudy(definition: StudyDefinition): Promise<StoredStudy>;
  findStudy(name: string): Promise<StoredStudy | undefined>;
  listStudies(): Promise<readonly (StoredStudy & { readonly trials: number })[]>;
  /** With its trials. @returns false if there was none */
  deleteStudy(name: string): Promise<boolean>;

  /** By number. */
  trials(study: number): Promise<readonly Trial[]>;
  /**
   * One at a time over all processes: between `trials` and `add` nobody else adds. What was added is there when the promise is resolved, and nothing if the action throws.
   * The action uses what it is given and not the storage itself, takes less than a minute, and has no other effects: it is run again if the connection is lost meanwhile.
   */
  locked<T>(study: number, action: (study: LockedStudy) => Promise<T>): Promise<T>;
  /** Finished trials from elsewhere. */
  attach(study: number, trials: readonly FinishedTrial[]): Promise<readonly Trial[]>;

  /** Waiting trials by number, and running ones whose lease has run out (attempt + 1). Never the same trial twice at once. */
  claim(study: number, options: ClaimOptions): Promise<readonly Claim[]>;
  /** @returns the claims that are still held */
  renew(study: number, claims: readonly Claim[], lease: number): Promise<readonly Claim[]>;
  /** Back to waiting; reports stay. Claims no longer held are passed over. */
  release(study: number, claims: readonly Claim[]): Promise<void>;
  /** A report of a step that is there already replaces it. @returns false if the claim is no longer held */
  report(study: number, claim: Claim, report: TrialReport): Promise<boolean>;
  /** Merges attributes. @returns false if the claim is no longer held */
  annotate(study: number, claim: Claim, attributes: Readonly<Record<string, Json>>): Promise<boolean>;
  /** For good. The same claim may finish with the same outcome again (the answer may have been lost). @returns false if the claim is no longer held */
  finish(study: number, claim: Claim, outcome: Outcome): Promise<boolean>;

  /** Idempotent. */
  close(): Promise<void>;
}
