/** Files that appear whole or not at all. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { LrdistError } from '../errors.ts';

export function readFailed(path: string, cause: unknown): LrdistError {
  return new LrdistError('ERR_READ', `${path} could not be read: ${reason(cause)}`, {
    cause,
    remedy: 'Check the path and its permissions.',
  });
}

export function writeFailed(path: string, cause: unknown): LrdistError {
  const code = (cause as NodeJS.ErrnoException).code;
  const remedy =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'Free some space or choose another --output_dir.'
      : 'Choose an --output_dir that may be written to, or change its permissions.';
  return new LrdistError('ERR_WRITE', `${path} could not be written: ${reason(cause)}`, { cause, remedy });
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** A name beside `path` that no other writer has; ends in `.tmp`. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
}

/** Writes to a temporary name, syncs, renames. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = temporaryName(path);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw writeFailed(path, error);
  }
}

/** JSON as Hugging Face's result files have it: sorted keys, 4 spaces. What is not finite becomes null, which every reader takes. */
export async function writeJson(path: string, value: unknown, indent = 4): Promise<void> {
  await writeWhole(path, `${JSON.stringify(sortKeys(value), null, indent)}\n`);
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, v]) => [key, sortKeys(v)]),
  );
}

/** Makes a rename in this folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Fills a folder under a temporary name, then renames it into place, so that the folder is there whole or not at all. An older folder of that
 * name is replaced.
 */
export async function writeFolder(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const target = resolve(folder);
  const temporary = temporaryName(target);
  try {
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    await syncFolder(temporary);
    if (await exists(target)) {
      const old = temporaryName(target);
      await rename(target, old);
      await rename(temporary, target);
      await rm(old, { recursive: true, force: true });
    } else await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error instanceof LrdistError ? error : writeFailed(folder, error);
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Fails before any work is done if a folder cannot be written to. Creates it. @throws ERR_WRITE */
export async function requireWritable(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK | constants.X_OK);
    // access() says yes to root even on a read-only mount: only a real file proves it.
    const probe = temporaryName(join(folder, 'probe'));
    await (await open(probe, 'wx')).close();
    await rm(probe);
  } catch (error) {
    throw writeFailed(folder, error);
  }
}

/** Removes half-made checkpoints of processes that are gone. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = /\.(\d+)-[0-9a-f]{8}\.tmp$/.exec(name)?.[1];
    if (owner !== undefined && !isRunning(Number(owner)))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
