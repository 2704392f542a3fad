import type { RawBuilder } from 'kysely';
import type { LrdistError } from '../../../errors.ts';
import type { Tx } from './tables.ts';

/** What an error of a database driver means. */
export interface Meaning {
  readonly error: LrdistError;
  /** Whether it may pass by itself: a lost connection, a locked file. */
  readonly passing: boolean;
}

/** In what SQLite and PostgreSQL differ. */
export interface Flavour {
  readonly kind: 'sqlite' | 'postgres';
  /** Without a password. */
  readonly address: string;
  /** Milliseconds since 1970 by the clock of the database, which is one for all machines. */
  readonly now: RawBuilder<number>;
  /** Until the transaction ends, nobody else adds trials to the study. */
  lockStudy(tx: Tx, study: number): Promise<void>;
  /** @returns undefined for what is not the database's error */
  understand(error: unknown): Meaning | undefined;
  /** Milliseconds between attempts, at first and at most. */
  readonly pause: readonly [first: number, most: number];
  /** Milliseconds after which a passing error is an error. */
  readonly patience: number;
}
