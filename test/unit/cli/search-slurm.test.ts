import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { slurmScript, type ScriptOptions } from '../../../lib/cli/search/slurm/script.ts';
import type { SearchPlan } from '../../../lib/cli/search/plan.ts';
import { workerCommand } from '../../../lib/cli/search/worker-command.ts';
import { refuses } from './helpers.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const options: ScriptOptions = {
  name: 'mine/qnli-sst2',
  workers: 3,
  command: 'lrdist worker',
  devices: undefined,
  threads: undefined,
  directives: [],
};
const directives = (script: string): string[] =>
  script.split('\n').flatMap((line) => /^#SBATCH (.*)/.exec(line)?.[1] ?? []);

test('directives of the job array', () => {
  const plain = directives(slurmScript(options));
  for (const wanted of [
    '--array=0-2',
    '--requeue',
    '--signal=B:USR1@60',
    '--job-name=lrdist-mine-qnli-sst2',
    '--open-mode=append',
  ])
    assert.ok(plain.includes(wanted), wanted);
  assert.ok(!plain.some((line) => /gpus|cpus/.test(line)));
  const gpu = directives(slurmScript({ ...options, devices: 'cuda', threads: 4 }));
  assert.ok(gpu.includes('--gpus-per-task=1') && gpu.includes('--cpus-per-task=4'));
  // A worker with a child process for each of two.
  assert.ok(directives(slurmScript({ ...options, devices: 'cuda:0,cuda:1' })).includes('--gpus-per-task=2'));
  const own = directives(
    slurmScript({
      ...options,
      directives: ['partition=gpu', 'signal=B:TERM@60', 'requeue=', '--exclusive', 'comment=a=b'],
    }),
  );
  for (const wanted of ['--partition=gpu', '--signal=B:TERM@60', '--exclusive', '--comment=a=b'])
    assert.ok(own.includes(wanted), wanted);
  assert.ok(!own.includes('--requeue') && !own.includes('--signal=B:USR1@60'));
  for (const text of ['', '=x', 'two words=1', 'a=b\n#SBATCH --uid=0'])
    refuses(() => slurmScript({ ...options, directives: [text] }), 'ERR_INVALID_OPTION', /--slurm/);
});

test('the command of a worker; a storage of the environment stays there', () => {
  const plan = {
    trials: 9,
    batchSize: 2,
    processes: 2,
    devices: 'cuda:0,cuda:1',
    mode: 'async',
    lease: 5000,
    spec: { model: 'my model', dataDir: '/glue', session: { device: 'cuda:0', threads: 3 } },
  } as unknown as SearchPlan;
  delete process.env['LRDIST_STORAGE'];
  assert.equal(
    workerCommand(plan, 'a-b', 'postgres://me:secret@db/x'),
    "lrdist worker --study a-b --trials 9 --storage postgres://me:secret@db/x --model 'my model' --data_dir /glue --trials_per_batch 2 --processes 2 --async --lease 5 --device cuda:0,cuda:1 --threads 3",
  );
  process.env['LRDIST_STORAGE'] = 'postgres://me:secret@db/x';
  assert.doesNotMatch(workerCommand(plan, 'a-b', 'postgres://me:secret@db/x'), /secret/);
  delete process.env['LRDIST_STORAGE'];
});

test('the script itself: what signals do', async () => {
  const work = temporaryFolder();
  const bin = join(work, 'bin');
  mkdirSync(bin);
  const program = (name: string, text: string): void => {
    writeFileSync(join(bin, name), `#!/bin/bash\n${text}`);
    chmodSync(join(bin, name), 0o755);
  };
  program('scontrol', `echo "$@" >> ${join(work, 'requeued')}\n`);
  // Lets go on USR1, as the worker does, once it is up.
  program(
    'worker',
    `trap 'echo released >> ${join(work, 'log')}; exit 0' USR1\necho up >> ${join(work, 'log')}\nfor i in {1..200}; do sleep 0.05; done\nexit 7\n`,
  );
  const file = join(work, 'job.sh');
  writeFileSync(file, slurmScript({ ...options, command: join(bin, 'worker') }));
  assert.equal(spawnSync('bash', ['-n', file]).status, 0);
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env['PATH']}`,
    SLURM_ARRAY_JOB_ID: '12',
    SLURM_ARRAY_TASK_ID: '3',
  };
  for (const [signal, code] of [
    ['SIGUSR1', 0],
    ['SIGTERM', 143],
  ] as const) {
    execFileSync('rm', ['-f', join(work, 'log'), join(work, 'requeued')]);
    const job = spawn('bash', [file], { env, stdio: 'ignore' });
    while (!existsSync(join(work, 'log'))) await sleep(20);
    job.kill(signal);
    assert.deepEqual(await once(job, 'exit'), [code, null]);
    assert.equal(readFileSync(join(work, 'log'), 'utf8'), 'up\nreleased\n');
    assert.equal(existsSync(join(work, 'requeued')), signal === 'SIGUSR1');
  }
  // A worker that ends by itself gives its own code.
  program('worker', 'exit 7\n');
  assert.equal(spawnSync('bash', [file], { env }).status, 7);
});
