import { setTimeout as delay } from 'node:timers/promises';
import { LrdistError } from '../../errors.ts';

/** What an error of a database driver means. */
export interface Meaning {
  readonly error: LrdistError;
  /** Whether it may pass by itself: a lost connection, a locked file. */
  readonly passing: boolean;
}

export interface RetryRules {
  /** @returns undefined for what is not the database's error */
  understand(this: void, error: unknown): Meaning | undefined;
  /** Milliseconds between attempts, at first and at most. */
  readonly pause: readonly [first: number, most: number];
  /** Milliseconds after which a passing error is an error. */
  readonly patience: number;
}

/**
 * Repeats `action` while its error is one that may pass, with pauses that double (and vary by half, so that workers do not come back all at once).
 * `action` is given the number of attempts before it: above 0 an earlier one may have been carried out with its answer lost.
 */
export async function retry<T>(
  { understand, pause: [first, most], patience }: RetryRules,
  action: (attempt: number) => Promise<T>,
): Promise<T> {
  const end = performance.now() + patience;
  for (let attempt = 0; ; attempt++) {
    try {
      return await action(attempt);
    } catch (error) {
      const meaning = understand(error);
      if (meaning === undefined) throw error;
      if (!meaning.passing) throw meaning.error;
      if (performance.now() >= end) throw gaveUp(meaning.error, patience);
      await delay(Math.min(most, first * 2 ** attempt) * (0.5 + Math.random()));
    }
  }
}

function gaveUp(error: LrdistError, patience: number): LrdistError {
  const options = { cause: error.cause, ...(error.remedy === undefined ? {} : { remedy: error.remedy }) };
  return new LrdistError(error.code, `${error.message} (tried for ${Math.round(patience / 1000)} s)`, options);
}
