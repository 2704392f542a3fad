/** Studies as inputs of `lrdist combine`: NAME@ADDRESS, or an address alone for all studies in it. */
import { existsSync } from 'node:fs';
import { LrdistError } from '../../errors.ts';
import { trialTable } from '../../pair-search/trial-table.ts';
import type { TrialTable } from '../../rates/trial-table.ts';
import { parseAddress, type Place } from '../../search/storage/open.ts';
import { isFinished } from '../../search/trial.ts';
import { openAddress, studyOf } from '../search/storage.ts';

export interface StudyInput {
  readonly address: string;
  /** Without it, all studies. */
  readonly study?: string;
}

/** undefined for what names no storage. */
export function studyInput(input: string): StudyInput | undefined {
  const whole = placeOf(input);
  if (whole?.kind === 'postgres' || (whole !== undefined && existsSync(whole.where))) return { address: input };
  // A name, and an address with a user, may have a "@" of their own.
  for (let at = input.indexOf('@'); at > 0; at = input.indexOf('@', at + 1)) {
    const address = input.slice(at + 1);
    if (placeOf(address) !== undefined) return { address, study: input.slice(0, at) };
  }
  return whole === undefined ? undefined : { address: input };
}

function placeOf(text: string): Place | undefined {
  try {
    const place = parseAddress(text);
    return place.kind === 'memory' ? undefined : place;
  } catch {
    return undefined;
  }
}

/**
 * Their finished trials, a table for each study that has some.
 *
 * @throws LrdistError ERR_STUDY_NOT_FOUND, ERR_PROTOCOL_MISMATCH, ERR_STORAGE
 */
export async function readStudyTables({ address, study }: StudyInput): Promise<TrialTable[]> {
  const storage = await openAddress(address);
  try {
    const names = study === undefined ? (await storage.listStudies()).map(({ name }) => name) : [study];
    const tables: TrialTable[] = [];
    for (const name of names) {
      const stored = await studyOf(storage, name);
      const trials = (await storage.trials(stored.id)).filter(isFinished);
      if (trials.length > 0) tables.push(trialTable(stored, trials));
    }
    if (tables.length > 0) return tables;
    throw new LrdistError('ERR_STUDY_NOT_FOUND', `no study in ${storage.address} has finished trials`, {
      remedy: 'See lrdist study list.',
    });
  } finally {
    await storage.close();
  }
}
