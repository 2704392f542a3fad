import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Trial, TrialReport } from '../trial.ts';
import { type Backend, studyExists, studyNotFound } from './backend.ts';
import { Draft } from './draft.ts';
import { toRow, toStudy } from './journal/decode.ts';
import {
  attributeLines,
  claimLines,
  directionCodes,
  finishLines,
  names,
  type NewLine,
  releaseLine,
  reportLines,
  studyLines,
  trialLine,
} from './journal/encode.ts';
import { understandFile } from './journal/errors.ts';
import { JournalFile } from './journal/file.ts';
import { FileLock } from './journal/lock.ts';
import { op } from './journal/lines.ts';
import type { OptunaStudy } from './journal/replay.ts';
import { attachedTrial, claimed, holds, isDue, isWanted, type Row, sameOutcome } from './rows.ts';
import type {
  Claim,
  ClaimOptions,
  FinishedTrial,
  LockedStudy,
  Outcome,
  StoredStudy,
  StudyDefinition,
} from './storage.ts';
import { Turns } from './turns.ts';

/** @throws ERR_STORAGE if the file is there and is not a journal, or cannot be read */
export async function openJournal(
  path: string,
  address: string,
  { patience = 120_000 }: { readonly patience?: number },
): Promise<Backend> {
  const backend = new JournalBackend(resolve(path), address, patience);
  await backend.listStudies();
  return backend;
}

/** A study while it is looked at: with the lock held, or for reading only. */
interface View {
  readonly optuna: OptunaStudy;
  readonly stored: StoredStudy;
  readonly rows: readonly Row[];
}

/** A change: what to write, and what to answer when it is written. */
interface Change<T> {
  readonly lines: readonly NewLine[];
  readonly result: T;
}

/** Milliseconds between two changes of a process, in which another process gets the lock: it has no queue. */
const courtesy = 4;

/** Studies in a file in Optuna's journal format, for disks that several machines share. */
class JournalBackend implements Backend {
  readonly address: string;
  readonly #path: string;
  readonly #patience: number;
  readonly #file: JournalFile;
  readonly #turns = new Turns();
  #released = -Infinity;
  /** Who wrote a line. Optuna asks for it in each, and it must be none of its own. */
  readonly #worker = `lrdist-${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;

  constructor(path: string, address: string, patience: number) {
    this.#path = path;
    this.address = address;
    this.#patience = patience;
    this.#file = new JournalFile(path);
  }

  createStudy(definition: StudyDefinition): Promise<StoredStudy> {
    return this.#update(async (now) => {
      const found = this.#file.replay.named(definition.name);
      if (found !== undefined && !isUnfinished(found, definition)) throw studyExists(definition.name, this.address);
      const stored = { ...definition, id: found?.id ?? this.#file.replay.nextStudy, created: now };
      return { lines: studyLines(stored).slice(found === undefined ? 0 : 1), result: stored };
    });
  }

  findStudy(name: string): Promise<StoredStudy | undefined> {
    return this.#read(() => {
      const found = this.#file.replay.named(name);
      return found && toStudy(found, this.#path);
    });
  }

  study(id: number): Promise<StoredStudy> {
    return this.#read(() => this.#view(id).stored);
  }

  listStudies(): Promise<readonly (StoredStudy & { readonly trials: number })[]> {
    return this.#read(() =>
      [...this.#file.replay.studies.values()].flatMap((study) => {
        const stored = toStudy(study, this.#path);
        return stored === undefined ? [] : [{ ...stored, trials: study.trials.length }];
      }),
    );
  }

  deleteStudy(name: string): Promise<boolean> {
    return this.#update(async () => {
      const found = this.#file.replay.named(name);
      return found === undefined
        ? { lines: [], result: false }
        : { lines: [{ op_code: op.deleteStudy, study_id: found.id }], result: true };
    });
  }

  trials(id: number): Promise<readonly Trial[]> {
    return this.#read(() => this.#view(id).rows.map(({ trial }) => trial));
  }

  locked<T>(id: number, action: (study: LockedStudy) => Promise<T>): Promise<T> {
    return this.#updateStudy(id, async ({ stored, rows, optuna }, now) => {
      const draft = new Draft(() => rows, now);
      const result = await action(draft);
      const after = draft.rows();
      const noted = draft.notes.flatMap(({ numbers, attributes }) =>
        rows
          .filter(({ trial }) => trial.state === 'waiting' && numbers.includes(trial.number))
          .flatMap(({ trial }) => attributeLines(optuna.trialIds[trial.number]!, attributes)),
      );
      const added = after.slice(rows.length).map(({ trial }) => trialLine(stored, trial));
      return { lines: [...noted, ...added], result };
    });
  }

  attach(id: number, trials: readonly FinishedTrial[]): Promise<readonly Trial[]> {
    return this.#updateStudy(id, async ({ stored, rows }, now) => {
      const made = trials.map((trial, i) => attachedTrial(trial, rows.length + i, now));
      return { lines: made.map((trial) => trialLine(stored, trial)), result: made };
    });
  }

  claim(id: number, options: ClaimOptions): Promise<readonly Claim[]> {
    return this.#updateStudy(id, async ({ rows, optuna }, now) => {
      const token = randomUUID();
      const due = rows.filter((row) => isDue(row, now) && isWanted(row, options)).slice(0, options.count);
      const held = due.map((row) => claimed(row, token, options, now));
      return {
        lines: held.flatMap(({ trial, hold }, i) =>
          claimLines(optuna.trialIds[trial.number]!, { ...trial, state: due[i]!.trial.state }, hold),
        ),
        result: held.map(({ trial }) => ({ trial, token })),
      };
    });
  }

  renew(id: number, claims: readonly Claim[], lease: number): Promise<readonly Claim[]> {
    return this.#updateStudy(id, async ({ rows, optuna }, now) => {
      const held = claims.filter((claim) => holds(rows[claim.trial.number], claim));
      return {
        lines: held.flatMap(({ trial: { number } }) => {
          const { trial, hold } = rows[number]!;
          return claimLines(optuna.trialIds[number]!, trial, { ...hold!, until: now + lease });
        }),
        result: held,
      };
    });
  }

  release(id: number, claims: readonly Claim[]): Promise<void> {
    return this.#updateStudy(id, async ({ rows, optuna }) => ({
      lines: claims
        .filter((claim) => holds(rows[claim.trial.number], claim))
        .map(({ trial }) => releaseLine(optuna.trialIds[trial.number]!)),
      result: undefined,
    }));
  }

  report(id: number, claim: Claim, report: TrialReport): Promise<boolean> {
    return this.#change(id, claim, (trialId) => reportLines(trialId, report));
  }

  annotate(id: number, claim: Claim, attributes: Trial['attributes']): Promise<boolean> {
    return this.#change(id, claim, (trialId) => attributeLines(trialId, attributes));
  }

  finish(id: number, claim: Claim, outcome: Outcome): Promise<boolean> {
    return this.#updateStudy(id, async ({ rows, optuna }, now) => {
      const row = rows[claim.trial.number];
      if (holds(row, claim))
        return { lines: finishLines(optuna.trialIds[row.trial.number]!, outcome, now), result: true };
      return { lines: [], result: row?.hold?.token === claim.token && sameOutcome(row.trial, outcome) };
    });
  }

  async close(): Promise<void> {
    // Files are open only while they are read or written.
  }

  #change(id: number, claim: Claim, lines: (trialId: number) => NewLine[]): Promise<boolean> {
    return this.#updateStudy(id, async ({ rows, optuna }) =>
      holds(rows[claim.trial.number], claim)
        ? { lines: lines(optuna.trialIds[claim.trial.number]!), result: true }
        : { lines: [], result: false },
    );
  }

  #view(id: number): View {
    const optuna = this.#file.replay.studies.get(id);
    const stored = optuna && toStudy(optuna, this.#path);
    if (optuna === undefined || stored === undefined) throw studyNotFound(id, this.address);
    return { optuna, stored, rows: optuna.trials.map(toRow) };
  }

  #read<T>(action: () => T): Promise<T> {
    return this.#turns.run(async () => {
      try {
        await this.#file.sync();
        return action();
      } catch (error) {
        throw understandFile(error, this.address);
      }
    });
  }

  #updateStudy<T>(id: number, action: (view: View, now: number) => Promise<Change<T>>): Promise<T> {
    return this.#update((now) => action(this.#view(id), now));
  }

  /** With the lock: reads what is new, decides, writes. */
  #update<T>(action: (now: number) => Promise<Change<T>>): Promise<T> {
    return this.#turns.run(async () => {
      try {
        let done: { readonly result: T } | undefined;
        while (done === undefined) done = await this.#attempt(action);
        return done.result;
      } catch (error) {
        throw understandFile(error, this.address);
      }
    });
  }

  /** @returns undefined if the lock was lost meanwhile: nothing was written then */
  async #attempt<T>(action: (now: number) => Promise<Change<T>>): Promise<{ readonly result: T } | undefined> {
    if (performance.now() - this.#released < courtesy) await delay(courtesy);
    const lock = await FileLock.acquire(this.#path, this.#patience);
    try {
      await this.#file.sync();
      const { lines, result } = await action(lock.now);
      if (lines.length > 0) {
        if (!(await lock.isHeld())) return undefined;
        await this.#file.append(lines.map(({ op_code, ...rest }) => ({ op_code, worker_id: this.#worker, ...rest })));
      }
      return { result };
    } finally {
      await lock.release();
      this.#released = performance.now();
    }
  }
}

/** Left by a process that died while it made the study; or made by hand in Optuna, and still empty. */
function isUnfinished(study: OptunaStudy, { directions }: StudyDefinition): boolean {
  return (
    study.trials.length === 0 &&
    study.systemAttributes[names.study] === undefined &&
    study.directions.join() === directionCodes(directions).join()
  );
}
