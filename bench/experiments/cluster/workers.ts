/** Workers on one machine that are killed, stopped and cut off from the database at random, and started again. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Random } from '../../../lib/random.ts';
import { start } from './lrdist.ts';
import { finishedOf, trialsOf } from './study.ts';

export interface Disturbance {
  readonly address: string;
  readonly study: string;
  readonly trials: number;
  readonly workers: number;
  readonly worker: readonly string[];
  readonly log: string;
  readonly random: Random;
  /** Events at most; afterwards all go on in peace. */
  readonly events: number;
}

export type Events = Record<'SIGKILL' | 'SIGTERM' | 'SIGUSR1' | 'connections cut', number>;

export async function disturbedWorkers(
  options: Disturbance,
): Promise<{ events: Events; starts: number; seconds: number }> {
  const { address, study, trials, workers, worker, log, random } = options;
  const events: Events = { SIGKILL: 0, SIGTERM: 0, SIGUSR1: 0, 'connections cut': 0 };
  const running = new Set<ChildProcess>();
  const began = Date.now();
  let starts = 0;
  const startOne = (): void => {
    const child = start(worker, log);
    starts++;
    running.add(child);
    child.once('exit', () => running.delete(child));
  };
  for (let count = 0; ; ) {
    if (finishedOf(await trialsOf(address, study)) >= trials) break;
    while (running.size < workers) startOne();
    await sleep(3000 + random.int(6000));
    if (count >= options.events) continue;
    count++;
    const [kind] = [(['SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGUSR1', 'connections cut'] as const)[random.int(5)]!];
    events[kind]++;
    if (kind === 'connections cut') await cutConnections(address);
    else [...running][random.int(Math.max(1, running.size))]?.kill(kind);
  }
  await Promise.all([...running].map((child) => once(child, 'exit')));
  return { events, starts, seconds: (Date.now() - began) / 1000 };
}

async function cutConnections(address: string): Promise<void> {
  const client = new pg.Client({ connectionString: address });
  await client.connect();
  await client.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
  );
  await client.end();
}
