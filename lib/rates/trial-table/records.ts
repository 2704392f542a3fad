import { LrdistError } from '../../errors.ts';

/** One line of a table before its meaning is known. */
export interface RawRecord {
  readonly cells: Readonly<Record<string, unknown>>;
  /** Line, or record of an array, from 1. */
  readonly at: number;
}

export interface RawTable {
  readonly columns: readonly string[];
  readonly records: readonly RawRecord[];
  /** How errors name a place: `a.csv:12`, `a.json, record 12`. */
  readonly where: (at: number) => string;
}

export function broken(
  where: string,
  problem: string,
  remedy = 'Correct the table, or remove the line.',
  cause?: unknown,
): LrdistError {
  return new LrdistError('ERR_TRIAL_TABLE', `${where}: ${problem}`, {
    remedy,
    ...(cause === undefined ? {} : { cause }),
  });
}
