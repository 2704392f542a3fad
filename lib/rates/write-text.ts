import { open, rename, rm } from 'node:fs/promises';
import { LrdistError } from '../errors.ts';

/**
 * Writes a file under a temporary name beside it, synced, renamed, so that no half file is ever seen.
 *
 * @param what the kind of file, for the error
 * @throws LrdistError ERR_WRITE
 */
export async function writeText(path: string, text: string, what: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await using file = await open(temporary, 'w');
    await file.writeFile(text);
    await file.sync();
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new LrdistError('ERR_WRITE', `cannot write the ${what} ${path}: ${(cause as Error).message}`, { cause });
  }
}
