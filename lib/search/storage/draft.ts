import type { Trial } from '../trial.ts';
import { annotated, newTrial, type Row } from './rows.ts';
import type { LockedStudy, NewTrial } from './storage.ts';

/** What an action under the lock has done so far: to be kept when it has ended, as in a transaction, and forgotten if it throws. */
export class Draft implements LockedStudy {
  readonly added: Trial[] = [];
  readonly notes: { readonly numbers: readonly number[]; readonly attributes: Trial['attributes'] }[] = [];
  readonly #rows: () => readonly Row[];
  readonly #now: number;

  constructor(rows: () => readonly Row[], now: number) {
    this.#rows = rows;
    this.#now = now;
  }

  async trials(): Promise<readonly Trial[]> {
    return this.rows().map(({ trial }) => trial);
  }

  async add(trials: readonly NewTrial[]): Promise<readonly Trial[]> {
    const first = this.#rows().length + this.added.length;
    const made = trials.map((trial, i) => newTrial(trial, first + i, this.#now));
    this.added.push(...made);
    return made;
  }

  async annotate(trials: readonly number[], attributes: Trial['attributes']): Promise<void> {
    this.notes.push({ numbers: trials, attributes });
  }

  /** All rows as they are now, with what was added and noted. */
  rows(): Row[] {
    return [...this.#rows(), ...this.added.map((trial) => ({ trial, hold: null }))].map((row) =>
      this.notes
        .filter(({ numbers }) => row.trial.state === 'waiting' && numbers.includes(row.trial.number))
        .reduce((noted, { attributes }) => ({ ...noted, trial: annotated(noted.trial, attributes) }), row),
    );
  }
}
