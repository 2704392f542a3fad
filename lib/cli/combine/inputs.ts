import { existsSync } from 'node:fs';
import { readTrialTable, type TrialTable } from '../../rates/trial-table.ts';

/**
 * Reads what `lrdist combine` was given, in that order: files of trial tables, each alone or as `PAIR=FILE` where its rows do not name their pair.
 *
 * @throws LrdistError ERR_READ, ERR_TRIAL_TABLE, ERR_INVALID_OPTION
 */
export function readTrialTables(
  inputs: readonly string[],
  { columns }: { readonly columns?: string | undefined } = {},
): Promise<TrialTable[]> {
  return Promise.all(
    inputs.map((input) => {
      const { path, pair } = splitInput(input);
      return readTrialTable(path, { columns, pair });
    }),
  );
}

/** A file whose name has a "=" is still a file. */
function splitInput(input: string): { path: string; pair?: string } {
  const equals = input.indexOf('=');
  if (equals <= 0 || existsSync(input)) return { path: input };
  return { path: input.slice(equals + 1), pair: input.slice(0, equals) };
}
