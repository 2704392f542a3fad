import { LrdistError } from '../../errors.ts';
import type { Storage, StoredStudy } from './storage.ts';

/** What a kind of storage implements. What is the same for all, checks above all, is done once, by `GuardedStorage` in front of it. */
export interface Backend extends Storage {
  /** @throws ERR_STUDY_NOT_FOUND */
  study(id: number): Promise<StoredStudy>;
}

export function studyNotFound(id: number, address: string): LrdistError {
  return new LrdistError('ERR_STUDY_NOT_FOUND', `study ${id} is not in ${address}`, {
    remedy: 'It may have been deleted meanwhile; start the search again under a new name.',
  });
}

export function studyExists(name: string, address: string): LrdistError {
  return new LrdistError('ERR_STUDY_EXISTS', `a study "${name}" is in ${address} already`, {
    remedy: 'Choose another name, continue that study, or delete it.',
  });
}
