/** `lrdist search --launcher slurm`. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { LrdistError } from '../../../errors.ts';
import { beginPairSearch, type PairSearch } from '../../../pair-search/search.ts';
import { parseAddress } from '../../../search/storage/open.ts';
import type { Storage } from '../../../search/storage/storage.ts';
import type { CommandContext } from '../../run.ts';
import { finishedCount } from '../../study/ranking.ts';
import { optional } from '../../training/inputs.ts';
import type { SearchArguments } from '../options.ts';
import { firstRound, type SearchPlan } from '../plan.ts';
import { invalid, listOf } from '../reading.ts';
import { searchRecord, searchText, writeResults } from '../results.ts';
import { SearchView } from '../view.ts';
import { workerCommand } from '../worker-command.ts';
import { slurmScript, thisProgram } from './script.ts';

/** Milliseconds between two looks at the queue. */
const pollEvery = 5000;

/** Without a storage it only prints the script. */
export async function runSlurm(
  args: SearchArguments,
  plan: SearchPlan,
  storage: Storage | undefined,
  context: CommandContext,
): Promise<void> {
  const { output } = context;
  const [pair, more] = plan.pairs;
  if (more !== undefined) throw invalid('--launcher slurm takes one pair', 'Give --tasks, once for each pair.');
  if (parseAddress(plan.storage).kind === 'memory')
    throw invalid(
      '--launcher slurm: storage memory: is in no other process',
      'Give postgres://... or a file on a shared disk.',
    );
  const script = slurmScript({
    name: pair!.study,
    workers: plan.workers,
    command: workerCommand(plan, pair!.study, plan.storage, thisProgram()),
    devices: plan.devices,
    threads: plan.spec.session?.['threads'] as number | undefined,
    directives: listOf(args, 'slurm'),
  });
  if (storage === undefined) {
    output.result({ script }, script);
    return;
  }
  const begun = await begin(args, plan, storage, context);
  await using study = begun.study;
  const job = await submit(script);
  output.note(`Slurm job ${job}; end it with scancel ${job}`);
  if (args['wait'] === false) {
    output.result(
      { job, study: pair!.study, script },
      `job ${job}\nSee how it goes: lrdist study show --study ${pair!.study} --storage ${storage.address}`,
    );
    return;
  }
  const began = Date.now();
  const trials = await untilFinished(begun, job, plan, storage, context);
  const finished = {
    study: study.stored,
    trials,
    ended: 'trials' as const,
    storage: storage.address,
    seconds: (Date.now() - began) / 1000,
  };
  if (plan.output !== undefined)
    for (const path of await writeResults(plan.output, finished)) output.note(`wrote ${path}`);
  output.result({ ...searchRecord(finished), job }, () => searchText(finished));
}

function begin(args: SearchArguments, plan: SearchPlan, storage: Storage, { output, signal }: CommandContext) {
  const { study: name, tasks } = plan.pairs[0]!;
  return beginPairSearch({
    name,
    storage,
    signal,
    seed: plan.seed,
    pair: { ...plan.spec, tasks },
    sampler: plan.strategy.sampler,
    pruner: plan.strategy.pruner,
    resume: args['resume'] === true ? 'auto' : 'never',
    onNote: output.note,
    ...optional('known', plan.known),
    ...optional('round', firstRound(plan)),
  });
}

/** @throws ERR_EXECUTOR if the job is gone before the study is finished; the signal's reason, with the job left as it is */
async function untilFinished(
  { study, pair }: Pick<PairSearch, 'study' | 'pair'>,
  job: string,
  { trials: total }: SearchPlan,
  storage: Storage,
  { output, signal }: CommandContext,
) {
  const view = new SearchView({ storage, study: study.stored, pair, trials: total, output, signal });
  try {
    for (;;) {
      const queued = await isQueued(job);
      // Read after the queue: the last task may have ended in between.
      const trials = await study.trials();
      const left = total - finishedCount(trials);
      if (left <= 0) return trials;
      if (!queued) throw gaveUp(job, left, total);
      await sleep(pollEvery, undefined, { signal }).catch(() => {
        throw new LrdistError('ERR_STOPPED', `stopped waiting; Slurm job ${job} goes on`, {
          remedy: `End it with scancel ${job}`,
        });
      });
    }
  } finally {
    await view[Symbol.asyncDispose]();
  }
}

function gaveUp(job: string, left: number, total: number): LrdistError {
  return new LrdistError('ERR_EXECUTOR', `Slurm job ${job} is over, and ${left} of ${total} trials are not finished`, {
    remedy: 'See the logs of its tasks (lrdist-JOB_TASK.log); go on with the same command and --resume.',
  });
}

async function submit(script: string): Promise<string> {
  const { code, stdout, stderr } = await call('sbatch', ['--parsable'], script);
  const job = /^\d+/.exec(stdout)?.[0];
  if (code === 0 && job !== undefined) return job;
  throw new LrdistError('ERR_EXECUTOR', `sbatch ended with ${code}: ${stderr.trim()}`, {
    remedy: 'See the script with --print; further directives are given with --slurm KEY=VALUE.',
  });
}

/** Whether any task of the job waits or runs. A queue that does not answer says nothing. */
async function isQueued(job: string): Promise<boolean> {
  const { code, stdout, stderr } = await call('squeue', ['--noheader', '--jobs', job]);
  if (code !== 0) return !/Invalid job id/i.test(stderr);
  return stdout.trim() !== '';
}

function call(
  program: string,
  args: readonly string[],
  input = '',
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (cause) =>
      reject(
        new LrdistError('ERR_EXECUTOR', `${program} could not be started: ${cause.message}`, {
          cause,
          remedy: 'Is this a node of the cluster that jobs can be submitted from?',
        }),
      ),
    );
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.on('error', () => undefined).end(input);
  });
}
