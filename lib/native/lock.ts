import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

const ownerSchema = z.object({
  pid: z.number(),
  host: z.string(),
  /** Start time of the process in clock ticks since boot: a later process may get the same number. */
  started: z.string(),
});
type Owner = z.infer<typeof ownerSchema>;

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once if another process holds the lock. */
  readonly onWait?: ((owner: string) => void) | undefined;
  readonly pollMs?: number;
  /** The owner touches the lock file ten times as often; untouched for longer, it is taken over. */
  readonly staleMs?: number;
}

/** Runs `work` while this process owns the lock file. A lock whose owner has died is taken over. */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const staleMs = options.staleMs ?? 60_000;
  mkdirSync(dirname(path), { recursive: true });
  let waited = false;
  while (!take(path)) {
    const owner = readOwner(path);
    if (isStale(path, owner, staleMs)) {
      takeAway(path, owner);
      continue;
    }
    if (!waited) options.onWait?.(owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`);
    waited = true;
    await sleep(options.pollMs ?? 500, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
  const heartbeat = setInterval(() => touch(path), staleMs / 10).unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    rmSync(path, { force: true });
  }
}

/** A link appears with its content or not at all, so nobody ever reads half an owner. */
function take(path: string): boolean {
  const draft = `${path}.${process.pid}.tmp`;
  const owner: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) ?? '' };
  writeFileSync(draft, JSON.stringify(owner));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Two waiters may find the same stale lock: it is moved away first, and put back if it had become another's by then. */
function takeAway(path: string, stale: Owner | undefined): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
    const moved = readOwner(aside);
    if (moved !== undefined && (moved.pid !== stale?.pid || moved.started !== stale.started)) linkSync(aside, path);
  } catch {
    // Another waiter was quicker.
  }
  rmSync(aside, { force: true });
}

function isStale(path: string, owner: Owner | undefined, staleMs: number): boolean {
  if (owner !== undefined && owner.host === hostname() && isGone(owner)) return true;
  const age = ageOf(path);
  return age !== undefined && age > staleMs;
}

function isGone(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const started = startOf(owner.pid);
  return started !== undefined && owner.started !== '' && started !== owner.started;
}

function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22; the second one, the name, may hold spaces and brackets.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function readOwner(path: string): Owner | undefined {
  try {
    return ownerSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

function ageOf(path: string): number | undefined {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
}

function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Somebody removed the lock by hand; the work goes on.
  }
}
