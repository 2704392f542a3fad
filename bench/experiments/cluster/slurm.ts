/** A job array of workers under Slurm, whose tasks are killed, put back into the queue, signalled as before the end of their time, and preempted. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../lib/random.ts';
import { cli, start } from './lrdist.ts';
import { finishedOf, trialsOf } from './study.ts';

export interface SlurmRun {
  readonly address: string;
  readonly study: string;
  readonly trials: number;
  /** Of lrdist search, with `--launcher slurm`. */
  readonly search: readonly string[];
  readonly folder: string;
  readonly random: Random;
}

type Kind = 'killed' | 'cancelled' | 'requeued' | 'signalled before the end of its time' | 'preempted';

export async function disturbedJob({ address, study, trials, search, folder, random }: SlurmRun) {
  const began = Date.now();
  const log = join(folder, 'search.log');
  const events: { kind: Kind; task: string; seconds: number }[] = [];
  let starts = 0;
  let codes: (number | null)[] = [];
  const kinds: Kind[] = [
    'requeued',
    'signalled before the end of its time',
    'preempted',
    'killed',
    'preempted',
    'signalled before the end of its time',
    'cancelled',
  ];
  while (finishedOf(await trialsOf(address, study)) < trials) {
    const child = start([...search, ...(starts++ > 0 ? ['--resume'] : [])], log);
    let ended = false;
    const exit = once(child, 'exit').then(([code]) => {
      ended = true;
      codes = [...codes, code as number | null];
    });
    while (!ended) {
      await Promise.race([exit, sleep(6000 + random.int(4000))]);
      const tasks = running();
      const kind = kinds[0];
      if (ended || tasks.length === 0 || kind === undefined) continue;
      const task = tasks[random.int(tasks.length)]!;
      await disturb(kind, task);
      events.push({ kind, task, seconds: (Date.now() - began) / 1000 });
      kinds.shift();
    }
  }
  return { events, exit_codes_of_search: codes, seconds: (Date.now() - began) / 1000, logs: summaryOfLogs(folder) };
}

/** Tasks of the array that run now: `12_0`. */
function running(): string[] {
  const { stdout } = spawnSync('squeue', ['--noheader', '--array', '--states=R', '--partition=low', '--format=%i'], {
    encoding: 'utf8',
  });
  return stdout.split('\n').filter((line) => line !== '');
}

/** Resolves when it has happened. */
async function disturb(kind: Kind, task: string): Promise<void> {
  if (kind === 'killed') {
    for (const pid of workersOf(task)) process.kill(pid, 'SIGKILL');
    return;
  }
  const commands: Readonly<Record<Exclude<Kind, 'killed'>, readonly string[]>> = {
    cancelled: ['scancel', task],
    requeued: ['scontrol', 'requeue', task],
    'signalled before the end of its time': ['scancel', '--signal=USR1', '--batch', task],
    // All processors of the node, so that everything else has to go.
    preempted: [
      'sbatch',
      '--wait',
      '--partition=high',
      '--ntasks=1',
      '--cpus-per-task=4',
      '--output=/dev/null',
      '--wrap=sleep 3',
    ],
  };
  const [program, ...args] = commands[kind];
  const [code] = (await once(spawn(program!, args, { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit')) as [number];
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`);
}

/** Processes of the node that run a task's worker. */
function workersOf(task: string): number[] {
  const index = task.split('_')[1]!;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        return (
          command.includes(cli) && command.includes('worker') && variables.includes(`SLURM_ARRAY_TASK_ID=${index}`)
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** How often the tasks' logs say each of these. */
function summaryOfLogs(folder: string): Readonly<Record<string, number>> {
  const text = readdirSync(folder)
    .filter((file) => /^lrdist-\d+_\d+\.log$/.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
  const count = (pattern: RegExp): number => [...text.matchAll(pattern)].length;
  return {
    'workers started': count(/^joins /gm),
    'released by SIGUSR1': count(/Stopping \(SIGUSR1\)/g),
    'ended by SIGTERM': count(/Stopping \(SIGTERM\)/g),
    'killed by SIGKILL': count(/\bKilled\b/g),
    'preempted by Slurm': count(/CANCELLED AT .* DUE TO PREEMPTION/g),
    'put back into the queue': count(/DUE TO JOB REQUEUE/g),
    'ended with all trials finished': count(/^.*: \d+ complete(, \d+ pruned)?(, \d+ failed)?$/gm),
  };
}
