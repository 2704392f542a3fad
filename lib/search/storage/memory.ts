import { randomUUID } from 'node:crypto';
import type { Trial, TrialReport } from '../trial.ts';
import { type Backend, studyExists, studyNotFound } from './backend.ts';
import { Draft } from './draft.ts';
import { GuardedStorage } from './guarded.ts';
import {
  annotated,
  attachedTrial,
  claimed,
  ended,
  holds,
  isDue,
  isWanted,
  type Row,
  reported,
  sameOutcome,
} from './rows.ts';
import type {
  Claim,
  ClaimOptions,
  FinishedTrial,
  LockedStudy,
  Outcome,
  Storage,
  StoredStudy,
  StudyDefinition,
} from './storage.ts';
import { Turns } from './turns.ts';

/** For tests and for small searches in one process: gone when the process ends. */
export function openMemoryStorage(): Storage {
  return new GuardedStorage(new MemoryBackend());
}

class Study {
  readonly stored: StoredStudy;
  readonly rows: Row[] = [];
  readonly turns = new Turns();

  constructor(stored: StoredStudy) {
    this.stored = stored;
  }

  list(): Trial[] {
    return this.rows.map(({ trial }) => trial);
  }

  add(make: (number: number, now: number) => Trial): Trial {
    const trial = make(this.rows.length, Date.now());
    this.rows.push({ trial, hold: null });
    return trial;
  }

  /** @returns false, with nothing changed, if the claim is no longer held */
  change(claim: Claim, change: (trial: Trial) => Trial): boolean {
    const row = this.rows[claim.trial.number];
    if (!holds(row, claim)) return false;
    this.rows[claim.trial.number] = { ...row, trial: change(row.trial) };
    return true;
  }
}

class MemoryBackend implements Backend {
  readonly address = 'memory:';
  readonly #studies = new Map<number, Study>();
  #lastId = 0;

  async createStudy(definition: StudyDefinition): Promise<StoredStudy> {
    if (this.#named(definition.name) !== undefined) throw studyExists(definition.name, this.address);
    const stored = { ...definition, id: ++this.#lastId, created: Date.now() };
    this.#studies.set(stored.id, new Study(stored));
    return stored;
  }

  async findStudy(name: string): Promise<StoredStudy | undefined> {
    return this.#named(name)?.stored;
  }

  async study(id: number): Promise<StoredStudy> {
    return this.#get(id).stored;
  }

  async listStudies(): Promise<readonly (StoredStudy & { readonly trials: number })[]> {
    return Array.from(this.#studies.values(), ({ stored, rows }) => ({ ...stored, trials: rows.length }));
  }

  async deleteStudy(name: string): Promise<boolean> {
    const study = this.#named(name);
    return study !== undefined && study.turns.run(async () => this.#studies.delete(study.stored.id));
  }

  async trials(study: number): Promise<readonly Trial[]> {
    return this.#get(study).list();
  }

  async locked<T>(id: number, action: (study: LockedStudy) => Promise<T>): Promise<T> {
    return this.#get(id).turns.run(async () => {
      const study = this.#get(id);
      const draft = new Draft(() => study.rows, Date.now());
      const result = await action(draft);
      const rows = draft.rows();
      study.rows.splice(0, rows.length, ...rows);
      return result;
    });
  }

  async attach(id: number, trials: readonly FinishedTrial[]): Promise<readonly Trial[]> {
    return this.#get(id).turns.run(async () =>
      trials.map((trial) => this.#get(id).add((number, now) => attachedTrial(trial, number, now))),
    );
  }

  async claim(id: number, options: ClaimOptions): Promise<readonly Claim[]> {
    const { rows } = this.#get(id);
    const now = Date.now();
    const token = randomUUID();
    const due = rows.filter((row) => isDue(row, now) && isWanted(row, options)).slice(0, options.count);
    return due.map((row) => {
      const held = claimed(row, token, options, now);
      rows[row.trial.number] = held;
      return { trial: held.trial, token };
    });
  }

  async renew(id: number, claims: readonly Claim[], lease: number): Promise<readonly Claim[]> {
    const { rows } = this.#get(id);
    return claims.filter((claim) => {
      const row = rows[claim.trial.number];
      if (!holds(row, claim)) return false;
      rows[claim.trial.number] = { ...row, hold: { ...row.hold, until: Date.now() + lease } };
      return true;
    });
  }

  async release(id: number, claims: readonly Claim[]): Promise<void> {
    const study = this.#get(id);
    for (const claim of claims) study.change(claim, (trial) => ({ ...trial, state: 'waiting' }));
  }

  async report(id: number, claim: Claim, report: TrialReport): Promise<boolean> {
    return this.#get(id).change(claim, (trial) => reported(trial, report));
  }

  async annotate(id: number, claim: Claim, attributes: Trial['attributes']): Promise<boolean> {
    return this.#get(id).change(claim, (trial) => annotated(trial, attributes));
  }

  async finish(id: number, claim: Claim, outcome: Outcome): Promise<boolean> {
    const study = this.#get(id);
    if (study.change(claim, (trial) => ended(trial, outcome, Date.now()))) return true;
    const row = study.rows[claim.trial.number];
    return row?.hold?.token === claim.token && sameOutcome(row.trial, outcome);
  }

  async close(): Promise<void> {
    this.#studies.clear();
  }

  #named(name: string): Study | undefined {
    return [...this.#studies.values()].find(({ stored }) => stored.name === name);
  }

  #get(id: number): Study {
    const study = this.#studies.get(id);
    if (study === undefined) throw studyNotFound(id, this.address);
    return study;
  }
}
