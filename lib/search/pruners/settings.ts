import { z } from 'zod';
import { LrdistError, nearest } from '../../errors.ts';

/** What a pruner is made with; see the pruners for the names. */
export type PrunerSettings = Readonly<Record<string, number | string | boolean>>;

/** The halving pruners': what is left at a rung, and the first rung. */
export const halvingSettings = {
  /** One in so many goes on (eta); from one rung to the next, steps grow by the same factor. */
  reduction: z.int().min(2).default(3),
  /** The first rung: no trial ends earlier. */
  grace: z.int().min(1).default(1),
} as const;

/**
 * A pruner's settings, checked by its strict schema and with its defaults filled in.
 *
 * @throws LrdistError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION
 */
export function checkPrunerSettings<T extends z.ZodObject>(
  schema: T,
  settings: PrunerSettings,
  pruner: string,
): z.output<T> {
  const parsed = schema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const known = Object.keys(schema.shape);
  const remedy = known.length === 0 ? 'It has no settings.' : `Its settings are ${known.join(', ')}.`;
  const unknown = Object.keys(settings).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    const near = nearest(unknown, known);
    throw new LrdistError('ERR_UNKNOWN_OPTION', `pruner ${pruner}: there is no setting "${unknown}"`, {
      remedy: near === undefined ? remedy : `Did you mean ${near}?`,
    });
  }
  const lines = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.')}: ${message} (received ${String(settings[String(path[0])])})`,
  );
  throw new LrdistError('ERR_INVALID_OPTION', `pruner ${pruner}: ${lines.join('\n')}`, { remedy });
}
