/** The profile of a training: where its time goes, in the engine and in the process around it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LrdistError } from '../errors.ts';
import type { NativeProfile, NativeSession } from '../native/boundary.ts';
import { onPhase, type Phase } from '../phase.ts';
import { writeFailed, writeJson, writeWhole } from './files.ts';
import type { ProfileReport } from './profile-report.ts';

export interface ProfileOptions {
  /** Calls and phases of the engine that are kept for the trace, the newest; a step has a few hundred. Default 100,000. */
  readonly events?: number;
}

/** What a profile found. Times in milliseconds of `performance.now()`. */
export interface Recorded {
  readonly start: number;
  readonly phases: readonly Phase[];
  readonly engine: NativeProfile | undefined;
  /** When the engine's recording began. */
  readonly engineStart: number;
}

/**
 * Records the phases of this process from its making on, and the engine's work from the first run it is given to
 * (`TrainOptions.profile`). `end` or `write` come before the model is disposed of. Numbers of a training are the same with and without.
 */
export class Profile implements Disposable {
  readonly #events: number;
  readonly #start = performance.now();
  readonly #phases: Phase[] = [];
  readonly #leave: () => void;
  #session: NativeSession | undefined;
  #engineStart = NaN;
  #recorded: Recorded | undefined;

  constructor({ events = 100_000 }: ProfileOptions = {}) {
    this.#events = events;
    this.#leave = onPhase((phase) => this.#phases.push(phase));
  }

  /** Records what this session does from here on. Of one session. @throws ERR_INVALID_OPTION */
  record(session: NativeSession): void {
    if (session === this.#session) return;
    if (this.#session !== undefined || this.#recorded !== undefined)
      throw new LrdistError('ERR_INVALID_OPTION', 'profile: it already belongs to another model, or has ended', {
        remedy: 'Make a Profile for each model.',
      });
    this.#engineStart = performance.now();
    session.startProfile({ events: this.#events });
    this.#session = session;
  }

  /** Ends the recording. */
  end(): Recorded {
    this.#leave();
    this.#recorded ??= {
      start: this.#start,
      phases: this.#phases,
      engine: this.#session?.takeProfile(),
      engineStart: this.#engineStart,
    };
    this.#session = undefined;
    return this.#recorded;
  }

  /** Ends the recording and writes `profile.json` (totals) and `trace.json` (Chrome's trace events) into the folder. @throws ERR_WRITE */
  async write(folder: string): Promise<ProfileReport> {
    const recorded = this.end();
    const [{ profileReport }, { chromeTrace }] = await Promise.all([
      import('./profile-report.ts'),
      import('./profile-trace.ts'),
    ]);
    const report = profileReport(recorded);
    try {
      await mkdir(folder, { recursive: true });
    } catch (error) {
      throw writeFailed(folder, error);
    }
    await writeJson(join(folder, 'profile.json'), report);
    await writeWhole(join(folder, 'trace.json'), chromeTrace(recorded));
    return report;
  }

  /** Ends a recording that nobody reads, such as that of a run that failed. */
  [Symbol.dispose](): void {
    this.#leave();
    if (this.#session === undefined) return;
    try {
      this.#session.takeProfile();
    } catch {
      // The session is closed: its recording went with it.
    }
    this.#session = undefined;
  }
}
