import { existsSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { LrdistError } from '../../errors.ts';
import type { Trial } from '../trial.ts';
import { type NewLine, studyLines, trialLine } from './journal/encode.ts';
import { understandFile } from './journal/errors.ts';
import type { Storage, StoredStudy } from './storage.ts';

export interface ExportOptions {
  /** Whether a file that is there may be replaced. Default false. */
  readonly overwrite?: boolean;
}

/**
 * Writes a study as a file in Optuna's journal format, which Optuna (`JournalStorage(JournalFileBackend(path))`), its plots and optuna-dashboard open.
 * @returns the number of trials written
 * @throws ERR_STUDY_NOT_FOUND, ERR_WRITE if the file is there, ERR_STORAGE if it cannot be written
 */
export async function exportOptuna(
  storage: Storage,
  study: string,
  path: string,
  { overwrite = false }: ExportOptions = {},
): Promise<number> {
  const stored = await storage.findStudy(study);
  if (stored === undefined)
    throw new LrdistError('ERR_STUDY_NOT_FOUND', `there is no study "${study}" in ${storage.address}`, {
      remedy: 'See which there are: lrdist study list',
    });
  if (!overwrite && existsSync(path))
    throw new LrdistError('ERR_WRITE', `${path} is there already`, {
      remedy: 'Give another path, or delete it first.',
    });
  const trials = await storage.trials(stored.id);
  try {
    await writeWhole(path, journalText(stored, trials));
  } catch (error) {
    throw understandFile(error, path);
  }
  return trials.length;
}

/** One study alone in a journal. */
export function journalText(study: StoredStudy, trials: readonly Trial[]): string {
  const alone = { ...study, id: 0 };
  const lines: NewLine[] = [...studyLines(alone), ...trials.map((trial) => trialLine(alone, trial))];
  return lines
    .map(({ op_code, ...rest }) => `${JSON.stringify({ op_code, worker_id: 'lrdist-export', ...rest })}\n`)
    .join('');
}

async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(`${path}.tmp`, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
}
