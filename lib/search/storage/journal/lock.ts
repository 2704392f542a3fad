import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { type FileHandle, link, lstat, open, readFile, rename, unlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { LrdistError } from '../../../errors.ts';

/** Milliseconds after which a lock that its owner does not touch any more is taken for abandoned: Optuna's number, whose workers may use the same file. */
const usualGrace = 30_000;

/**
 * The right to append to a journal: the file PATH.lock, which is made only if it is not there (O_EXCL). Optuna takes the same name, so its workers and ours exclude each other.
 * The owner touches it from time to time. The lock of a process that died is broken at once by others on its machine, and after 30 s by all.
 */
export class FileLock {
  /** Milliseconds since 1970 when the lock was taken by the clock of the disk, which is one for all machines, while their own may differ. */
  readonly now: number;
  readonly #path: string;
  readonly #owner: string;
  readonly #handle: FileHandle;
  readonly #touching: NodeJS.Timeout;

  private constructor(path: string, owner: string, handle: FileHandle, now: number, grace: number) {
    this.#path = path;
    this.#owner = owner;
    this.#handle = handle;
    this.now = now;
    this.#touching = setInterval(() => void handle.write(owner, 0).catch(() => undefined), grace / 6).unref();
  }

  /** @throws ERR_STORAGE if it is not to be had within `patience` milliseconds */
  static async acquire(journal: string, patience: number, grace = usualGrace): Promise<FileLock> {
    const path = `${journal}.lock`;
    const end = performance.now() + patience;
    const watch = new Watch(path, grace);
    for (let tries = 0; ; tries++) {
      const lock = await FileLock.#create(path, grace);
      if (lock !== undefined) return lock;
      if (await watch.isAbandoned()) await watch.breakLock();
      else if (performance.now() >= end) throw notToBeHad(path, patience);
      else await delay(Math.min(20, 2 + tries) * (0.5 + Math.random())); // A file server has more to do than to be asked.
    }
  }

  static async #create(path: string, grace: number): Promise<FileLock | undefined> {
    const owner = `${place()} ${process.pid} ${randomUUID()}\n`;
    try {
      const handle = await open(path, 'wx');
      const { mtimeMs } = await handle.stat();
      await handle.write(owner, 0);
      return new FileLock(path, owner, handle, Math.floor(mtimeMs), grace);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
      throw error;
    }
  }

  /** Whether nobody has taken it away, as happens to a process that was stopped for longer than 30 s. */
  async isHeld(): Promise<boolean> {
    return (await readOwner(this.#path)) === this.#owner;
  }

  async release(): Promise<void> {
    clearInterval(this.#touching);
    const held = await this.isHeld();
    await this.#handle.close();
    if (held) await unlink(this.#path).catch(() => undefined);
  }
}

/** Somebody else's lock, seen several times. */
class Watch {
  readonly #path: string;
  readonly #grace: number;
  #seen = '';
  #since = 0;

  constructor(path: string, grace: number) {
    this.#path = path;
    this.#grace = grace;
  }

  async isAbandoned(): Promise<boolean> {
    const identity = await identify(this.#path);
    if (identity === undefined) return false;
    if (identity !== this.#seen) {
      this.#seen = identity;
      this.#since = performance.now();
    }
    return performance.now() - this.#since > this.#grace || isDead(await readOwner(this.#path));
  }

  /** Renames it first: of several that do so one gets it, and one that got a newer lock by mistake puts it back. */
  async breakLock(): Promise<void> {
    if ((await identify(this.#path)) !== this.#seen) return;
    const aside = `${this.#path}.${randomUUID()}`;
    try {
      await rename(this.#path, aside);
      if ((await identify(aside)) !== this.#seen) await link(aside, this.#path).catch(() => undefined);
      await unlink(aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

async function identify(path: string): Promise<string | undefined> {
  const found = await lstat(path).catch(() => undefined);
  return found === undefined ? undefined : `${found.ino} ${found.mtimeMs}`;
}

async function readOwner(path: string): Promise<string | undefined> {
  // Optuna's lock may be a symbolic link to the journal.
  if ((await lstat(path).catch(() => undefined))?.isFile() !== true) return undefined;
  return readFile(path, 'utf8').catch(() => undefined);
}

/** Whether the owner ran on this machine and does not any more. */
function isDead(owner: string | undefined): boolean {
  const [where, pid] = owner?.split(' ') ?? [];
  if (where === undefined || pid === undefined || where !== place() || where === 'unknown') return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Where process numbers mean the same: this boot of this machine, and this container. */
function place(): string {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return 'unknown';
  }
}

function notToBeHad(path: string, patience: number): LrdistError {
  return new LrdistError('ERR_STORAGE', `${path} is held by another process for ${Math.round(patience / 1000)} s`, {
    remedy: 'Look for a worker that hangs. If none runs on any machine, delete that file.',
  });
}
