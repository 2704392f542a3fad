import { copyFile, mkdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join, relative } from 'node:path';
import { LrdistError } from '../../errors.ts';
import { neededFiles, shardsOf } from './files.ts';

/**
 * One model in the hub cache, laid out as the huggingface_hub library does it: `models--owner--name/blobs/<etag>` hold the contents,
 * `snapshots/<commit>/<file>` are relative links to them, `refs/<revision>` name commits.
 */
export class CachedRepository {
  readonly folder: string;

  constructor(cache: string, id: string) {
    this.folder = join(cache, `models--${id.replaceAll('/', '--')}`);
  }

  /** The commit that the revision was when it was last asked for; a commit is itself. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    try {
      return (await readFile(join(this.folder, 'refs', revision), 'utf8')).trim();
    } catch {
      return undefined;
    }
  }

  async setCommit(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || (await this.commitOf(revision)) === commit) return;
    const path = join(this.folder, 'refs', revision);
    await writing(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${randomUUID()}.tmp`;
      await writeFile(temporary, commit);
      await rename(temporary, path);
    });
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag);
  }

  async has(commit: string, file: string): Promise<boolean> {
    return exists(join(this.snapshot(commit), file));
  }

  /** What a snapshot lacks to be opened as a model: names of files, nothing if it is complete. */
  async missing(commit: string): Promise<string[]> {
    const folder = this.snapshot(commit);
    if (!(await exists(join(folder, neededFiles.config)))) return [neededFiles.config];
    if (await exists(join(folder, neededFiles.weights))) return [];
    let index: string;
    try {
      index = await readFile(join(folder, neededFiles.index), 'utf8');
    } catch {
      return [neededFiles.weights];
    }
    const shards = shardsOf(index, join(folder, neededFiles.index));
    const there = await Promise.all(shards.map((shard) => exists(join(folder, shard))));
    return shards.filter((_, i) => !there[i]);
  }

  /** Makes `snapshots/<commit>/<file>` a relative link to the blob, or a copy where links cannot be made. */
  async link(commit: string, file: string, etag: string): Promise<void> {
    const path = join(this.snapshot(commit), file);
    const target = relative(dirname(path), this.blob(etag));
    await writing(path, async () => {
      if ((await readlink(path).catch(() => undefined)) === target) return;
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${randomUUID()}.tmp`;
      try {
        await symlink(target, temporary);
      } catch (error) {
        if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? ''))
          throw error;
        await copyFile(this.blob(etag), temporary);
      }
      await rename(temporary, path);
    });
  }
}

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** Whether the file, or what a link leads to, is there. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Gives errors of the file system a code and a remedy. */
export async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LrdistError || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new LrdistError('ERR_WRITE', `${path} could not be written: ${(error as Error).message}`, {
      remedy: 'Free some space, or set HF_HUB_CACHE to a folder that can be written.',
      cause: error,
    });
  }
}

export async function remove(path: string): Promise<void> {
  await rm(path, { force: true });
}
