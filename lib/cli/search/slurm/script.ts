/** The batch script of a Slurm job array of workers. */
import { quoted } from '../go-on.ts';
import { invalid } from '../reading.ts';

export interface ScriptOptions {
  readonly name: string;
  readonly workers: number;
  /** Of each worker. */
  readonly command: string;
  /** Those of a worker. */
  readonly devices: string | undefined;
  readonly threads: number | undefined;
  /** `KEY=VALUE` of sbatch, over ours. */
  readonly directives: readonly string[];
}

/**
 * One task of the array is one worker. 60 s before its time is up a worker is told by SIGUSR1: it releases its trials, and the job goes back into the queue.
 * SIGTERM (preemption, where Slurm itself puts the job back, and scancel) releases them too.
 *
 * @throws ERR_INVALID_OPTION
 */
export function slurmScript({ name, workers, command, devices, threads, directives }: ScriptOptions): string {
  const own: Record<string, string | true> = {
    'job-name': `lrdist-${name.replace(/[^\w.-]+/g, '-')}`,
    array: `0-${workers - 1}`,
    output: 'lrdist-%A_%a.log',
    'open-mode': 'append',
    requeue: true,
    signal: 'B:USR1@60',
    ntasks: '1',
    ...(devices?.startsWith('cuda') === true ? { 'gpus-per-task': String(devices.split(',').length) } : {}),
    ...(threads === undefined ? {} : { 'cpus-per-task': String(threads) }),
  };
  const lines = Object.entries({ ...own, ...readDirectives(directives) }).flatMap(([key, value]) =>
    value === true ? [`#SBATCH --${key}`] : value === '' ? [] : [`#SBATCH --${key}=${value}`],
  );
  return `#!/bin/bash
${lines.join('\n')}

job=\${SLURM_ARRAY_JOB_ID}_\${SLURM_ARRAY_TASK_ID}
# $! is the worker, once it is there.
release() {
  trap '' USR1 TERM
  while [ -n "$!" ] && kill -s USR1 "$!" 2> /dev/null; do sleep 1; done
}
trap 'release; scontrol requeue "$job"; exit 0' USR1
trap 'release; exit 143' TERM
${command} &
wait "$!"
`;
}

/** `partition=gpu`, or a key alone; `key=` takes one of ours away. */
function readDirectives(list: readonly string[]): Record<string, string | true> {
  return Object.fromEntries(
    list.map((text) => {
      const [, key, equals, value = ''] = /^(?:--)?([a-z][a-z0-9-]*)(?:(=)(.*))?$/s.exec(text) ?? [];
      if (key === undefined || /\n/.test(value))
        throw invalid(
          `--slurm: expected KEY=VALUE, received "${text}"`,
          'For example --slurm partition=gpu --slurm time=4:00:00',
        );
      return [key, equals === undefined ? true : value];
    }),
  );
}

/** Node and this program, as the nodes of the cluster find them on a shared disk. */
export function thisProgram(): readonly string[] {
  return [process.execPath, ...process.execArgv, process.argv[1]!].map(quoted);
}
