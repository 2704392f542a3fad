import type { RawBuilder } from 'kysely';
import type { RetryRules } from '../retry.ts';
import type { Tx } from './tables.ts';

/** In what SQLite and PostgreSQL differ. */
export interface Flavour extends RetryRules {
  readonly kind: 'sqlite' | 'postgres';
  /** Without a password. */
  readonly address: string;
  /** Milliseconds since 1970 by the clock of the database, which is one for all machines. */
  readonly now: RawBuilder<number>;
  /** Until the transaction ends, nobody else adds trials to the study. */
  lockStudy(tx: Tx, study: number): Promise<void>;
}
