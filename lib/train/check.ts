/** Validation of options: one error with every complaint, nearest names for slips. */
import type { z } from 'zod';
import { LrdistError, nearest } from '../errors.ts';

/** @throws ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION */
export function check<T extends z.ZodObject>(schema: T, value: unknown, where: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const known = Object.keys(schema.shape);
  for (const issue of parsed.error.issues) {
    if (issue.code !== 'unrecognized_keys' || issue.path.length > 0) continue;
    const key = issue.keys[0]!;
    const near = nearest(key, known);
    throw new LrdistError('ERR_UNKNOWN_OPTION', `${where}: there is no option "${key}"`, {
      remedy: near === undefined ? `Known are ${known.join(', ')}.` : `Did you mean ${near}?`,
    });
  }
  const lines = parsed.error.issues.map((issue) => {
    const at = issue.path.length === 0 ? where : issue.path.join('.');
    const received = issue.path.reduce<unknown>(
      (v, key) => (typeof v === 'object' && v !== null ? (v as Record<PropertyKey, unknown>)[key] : undefined),
      value,
    );
    return `${at}: ${issue.message}${isPlain(received) ? ` (received ${String(received)})` : ''}`;
  });
  throw new LrdistError('ERR_INVALID_OPTION', lines.join('\n'), {
    remedy: 'Correct the value; `lrdist train --help` lists the options with their defaults.',
  });
}

function isPlain(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
