import { existsSync } from 'node:fs';
import { readTrialTable, type TrialTable } from '../../rates/trial-table.ts';
import { readStudyTables, studyInput } from './studies.ts';

/**
 * Reads what `lrdist combine` was given, in that order: files of trial tables, each alone or as `PAIR=FILE` where its rows do not name their pair; studies as `NAME@ADDRESS`, or
 * all studies of a storage.
 *
 * @throws LrdistError ERR_READ, ERR_TRIAL_TABLE, ERR_INVALID_OPTION; of studies ERR_STUDY_NOT_FOUND, ERR_PROTOCOL_MISMATCH, ERR_STORAGE
 */
export async function readTrialTables(
  inputs: readonly string[],
  { columns }: { readonly columns?: string | undefined } = {},
): Promise<TrialTable[]> {
  const tables = await Promise.all(
    inputs.map(async (input) => {
      const study = studyInput(input);
      if (study !== undefined) return readStudyTables(study);
      const { path, pair } = splitInput(input);
      return [await readTrialTable(path, { columns, pair })];
    }),
  );
  return tables.flat();
}

/** A file whose name has a "=" is still a file. */
function splitInput(input: string): { path: string; pair?: string } {
  const equals = input.indexOf('=');
  if (equals <= 0 || existsSync(input)) return { path: input };
  return { path: input.slice(equals + 1), pair: input.slice(0, equals) };
}
