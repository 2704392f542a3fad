import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import { LrdistError } from '../errors.ts';
import type { Obtained } from './obtained.ts';

/** Compares a file with the checksum expected of it, if there is one, and returns its facts. @throws LrdistError `ERR_DOWNLOAD` */
export async function checkArchive(
  path: string,
  expected: string | undefined,
  known: Readonly<Record<string, string>>,
): Promise<Obtained['archives'][number]> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  const sha256 = hash.digest('hex');
  const file = basename(path);
  const wanted = expected ?? known[file];
  if (wanted !== undefined && wanted.toLowerCase() !== sha256) {
    throw new LrdistError('ERR_DOWNLOAD', `${file} has the SHA-256 ${sha256}, expected ${wanted}.`, {
      remedy:
        'The file was changed or damaged on its way: obtain it again, from another source if it stays so. A build of your own goes in with --archive and its --sha256.',
    });
  }
  return { file, bytes: statSync(path).size, sha256 };
}
