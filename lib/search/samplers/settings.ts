import type { z } from 'zod';
import { LrdistError, nearest } from '../../errors.ts';

/** What a sampler is made with; see the samplers for the names. */
export type SamplerSettings = Readonly<Record<string, number | string | boolean>>;

/**
 * A sampler's settings, checked by its strict schema and with its defaults filled in.
 *
 * @throws LrdistError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION
 */
export function checkSettings<T extends z.ZodObject>(
  schema: T,
  settings: SamplerSettings,
  sampler: string,
): z.output<T> {
  const parsed = schema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const known = Object.keys(schema.shape);
  const remedy = known.length === 0 ? 'It has no settings.' : `Its settings are ${known.join(', ')}.`;
  for (const issue of parsed.error.issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    const near = nearest(issue.keys[0]!, known);
    throw new LrdistError('ERR_UNKNOWN_OPTION', `sampler ${sampler}: there is no setting "${issue.keys[0]}"`, {
      remedy: near === undefined ? remedy : `Did you mean ${near}?`,
    });
  }
  const lines = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.')}: ${message} (received ${String(settings[String(path[0])])})`,
  );
  throw new LrdistError('ERR_INVALID_OPTION', `sampler ${sampler}: ${lines.join('\n')}`, { remedy });
}
