import { AbortedTransactionError } from 'kysely';
import { LrdistError } from '../../../errors.ts';
import type { Meaning } from '../retry.ts';

/** Node's and PostgreSQL's codes of what passes when the server, or the way to it, is back; see https://www.postgresql.org/docs/current/errcodes-appendix.html. */
const passingCodes =
  /^(08...|57P0[123]|53300|25P03|40001|40P01|55P03|ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOENT)$/;

/** pg gives no code for these. */
const passingMessages =
  /Connection terminated|connection is closed|Query read timeout|timeout exceeded when trying to connect|timeout expired|not queryable|connection has been discarded/i;

const remedies: readonly (readonly [code: RegExp, remedy: string])[] = [
  [/^53100$/, 'The disk of the server is full: make room and go on; everything that was finished before is in it.'],
  [/^(28...)$/, 'Look at user and password in the address, and at pg_hba.conf of the server.'],
  [/^3D000$/, 'Make the database first: createdb NAME'],
  [/^42501$/, 'The user needs the right to make tables: grant create on schema public to USER'],
  [
    /^25006$/,
    'This server takes no writing (a standby, or default_transaction_read_only): give the address of the primary.',
  ],
  [/^(ENOTFOUND)$/, 'Look at the name of the host in the address.'],
];

export function understandPostgres(error: unknown, address: string): Meaning | undefined {
  if (!(error instanceof Error) || error instanceof LrdistError) return undefined;
  if (error instanceof AggregateError && error.errors.length > 0) return understandPostgres(error.errors[0], address);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const passing =
    passingCodes.test(code) || passingMessages.test(error.message) || error instanceof AbortedTransactionError;
  const remedy = remedies.find(([pattern]) => pattern.test(code))?.[1];
  if (!passing && remedy === undefined && !('severity' in error)) return undefined;
  return {
    error: new LrdistError('ERR_STORAGE', `storage ${address}: ${error.message}${code === '' ? '' : ` (${code})`}`, {
      remedy: remedy ?? 'Look whether the server runs and can be reached from this machine, and at its log.',
      cause: error,
    }),
    passing,
  };
}
