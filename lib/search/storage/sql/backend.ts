import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Trial, TrialReport } from '../../trial.ts';
import type { Backend } from '../backend.ts';
import type {
  Claim,
  ClaimOptions,
  FinishedTrial,
  LockedStudy,
  Outcome,
  StoredStudy,
  StudyDefinition,
} from '../storage.ts';
import {
  annotateTrial,
  claimedBy,
  claimTrials,
  finishTrial,
  releaseClaims,
  renewClaims,
  reportTrial,
} from './claims.ts';
import type { Flavour } from './flavour.ts';
import { retry } from '../retry.ts';
import { createStudy, deleteStudy, findStudy, getStudy, listStudies } from './studies.ts';
import type { Tables, Tx } from './tables.ts';
import { addedBy, addTrials, annotateWaiting, attachTrials, readTrials } from './trials.ts';

/** A storage in a database. Every method is one transaction, which is repeated when the connection is lost; see `retry`. */
export class SqlBackend implements Backend {
  readonly #db: Kysely<Tables>;
  readonly #flavour: Flavour;

  constructor(db: Kysely<Tables>, flavour: Flavour) {
    this.#db = db;
    this.#flavour = flavour;
  }

  get address(): string {
    return this.#flavour.address;
  }

  createStudy(definition: StudyDefinition): Promise<StoredStudy> {
    const request = randomUUID();
    return this.#write((tx) => createStudy(tx, this.#flavour, definition, request));
  }

  findStudy(name: string): Promise<StoredStudy | undefined> {
    return this.#read((tx) => findStudy(tx, name));
  }

  study(id: number): Promise<StoredStudy> {
    return this.#read((tx) => getStudy(tx, this.#flavour, id));
  }

  listStudies(): Promise<readonly (StoredStudy & { readonly trials: number })[]> {
    return this.#read(listStudies);
  }

  async deleteStudy(name: string): Promise<boolean> {
    let found = false;
    await this.#write(async (tx) => {
      found = (await deleteStudy(tx, this.#flavour, name)) || found;
    });
    return found;
  }

  trials(study: number): Promise<readonly Trial[]> {
    return this.#read(async (tx) => {
      await getStudy(tx, this.#flavour, study);
      return readTrials(tx, study);
    });
  }

  locked<T>(study: number, action: (study: LockedStudy) => Promise<T>): Promise<T> {
    const request = randomUUID();
    let earlier: { readonly result: T } | undefined;
    return this.#addTo(study, async (tx) => {
      if (earlier !== undefined && (await addedBy(tx, study, request)).length > 0) return earlier.result;
      const result = await action({
        trials: () => readTrials(tx, study),
        add: (trials) => addTrials(tx, this.#flavour, study, trials, request),
        annotate: (trials, attributes) => annotateWaiting(tx, this.#flavour, study, trials, attributes),
      });
      earlier = { result };
      return result;
    });
  }

  attach(study: number, trials: readonly FinishedTrial[]): Promise<readonly Trial[]> {
    const request = randomUUID();
    return this.#addTo(study, async (tx, attempt) => {
      const added = attempt > 0 ? await addedBy(tx, study, request) : [];
      return added.length > 0 ? added : attachTrials(tx, this.#flavour, study, trials, request);
    });
  }

  claim(study: number, options: ClaimOptions): Promise<readonly Claim[]> {
    const token = randomUUID();
    return this.#write(async (tx, attempt) => {
      const earlier = attempt > 0 ? await claimedBy(tx, study, token) : [];
      const claims = earlier.length > 0 ? earlier : await claimTrials(tx, this.#flavour, study, options, token);
      if (claims.length === 0) await getStudy(tx, this.#flavour, study);
      return claims;
    });
  }

  renew(study: number, claims: readonly Claim[], lease: number): Promise<readonly Claim[]> {
    return this.#write(async (tx) => {
      const held = await renewClaims(tx, this.#flavour, study, claims, lease);
      if (held.length === 0) await getStudy(tx, this.#flavour, study);
      return held;
    });
  }

  release(study: number, claims: readonly Claim[]): Promise<void> {
    return this.#write(async (tx) => {
      await getStudy(tx, this.#flavour, study);
      await releaseClaims(tx, study, claims);
    });
  }

  report(study: number, claim: Claim, report: TrialReport): Promise<boolean> {
    return this.#change(study, (tx) => reportTrial(tx, this.#flavour, study, claim, report));
  }

  annotate(study: number, claim: Claim, attributes: Trial['attributes']): Promise<boolean> {
    return this.#change(study, (tx) => annotateTrial(tx, this.#flavour, study, claim, attributes));
  }

  finish(study: number, claim: Claim, outcome: Outcome): Promise<boolean> {
    return this.#change(study, (tx) => finishTrial(tx, this.#flavour, study, claim, outcome));
  }

  close(): Promise<void> {
    return this.#db.destroy();
  }

  #read<T>(action: (tx: Tx) => Promise<T>): Promise<T> {
    return retry(this.#flavour, () => {
      const transaction = this.#db.transaction().setAccessMode('read only');
      return (
        this.#flavour.kind === 'postgres' ? transaction.setIsolationLevel('repeatable read') : transaction
      ).execute(action);
    });
  }

  #write<T>(action: (tx: Tx, attempt: number) => Promise<T>): Promise<T> {
    return retry(this.#flavour, (attempt) => this.#db.transaction().execute((tx) => action(tx, attempt)));
  }

  /** Nobody else adds to the study meanwhile. */
  #addTo<T>(study: number, action: (tx: Tx, attempt: number) => Promise<T>): Promise<T> {
    return this.#write(async (tx, attempt) => {
      await this.#flavour.lockStudy(tx, study);
      await getStudy(tx, this.#flavour, study);
      return action(tx, attempt);
    });
  }

  /** Of one claimed trial. */
  #change(study: number, action: (tx: Tx) => Promise<boolean>): Promise<boolean> {
    return this.#write(async (tx) => {
      const held = await action(tx);
      if (!held) await getStudy(tx, this.#flavour, study);
      return held;
    });
  }
}
