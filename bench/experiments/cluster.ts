/**
 * Workers on PostgreSQL, and under Slurm, that are killed at random, against the same study undisturbed.
 *
 *   node bench/experiments/cluster.ts --address postgres://USER@HOST/DATABASE --work FOLDER [--slurm] [options]
 *
 * It needs real data (LRDIST_DATA) and an empty database; with --slurm a running Slurm whose partitions `low` and `high` share one node, `high` preempting `low` by requeue.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../../lib/random.ts';
import { saveResult } from '../lib/results.ts';
import { data } from '../lib/case.ts';
import { run } from './cluster/lrdist.ts';
import { disturbedJob } from './cluster/slurm.ts';
import { differing, summary, trialsOf } from './cluster/study.ts';
import { disturbedWorkers } from './cluster/workers.ts';

const { values } = parseArgs({
  options: {
    address: { type: 'string' },
    work: { type: 'string' },
    slurm: { type: 'boolean', default: false },
    model: { type: 'string', default: 'bert-tiny-uncased-mlm' },
    tasks: { type: 'string', default: 'qnli,sst2' },
    rows: { type: 'string', default: '200' },
    /** Rows that trials are scored on. */
    scored: { type: 'string', default: '200' },
    /** Seconds. */
    lease: { type: 'string', default: '10' },
    trials: { type: 'string', default: '16' },
    workers: { type: 'string', default: '3' },
    events: { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
  },
});
const { address, work } = values;
if (address === undefined || work === undefined) {
  console.error('expected: node bench/experiments/cluster.ts --address postgres://... --work FOLDER');
  process.exitCode = 2;
} else await experiment(address, work);

async function experiment(database: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  process.env['LRDIST_CACHE'] = join(folder, 'cache');
  // Two studies that each measure which library is faster may choose differently.
  process.env['LRDIST_MATMUL'] = 'mkl';
  const trials = Number(values.trials);
  const workers = Number(values.workers);
  const random = createRandom(Number(values.seed));
  const places = [
    '--model',
    join(data(), 'models', values.model),
    '--data_dir',
    join(data(), 'glue'),
    '--threads',
    '1',
  ];
  const common = [...places, '--tasks', values.tasks, '--trials', values.trials, '--trials_per_batch', '2'];
  const training = [
    '--selection_rows',
    values.scored,
    '--max_train_samples',
    values.rows,
    '--num_train_epochs',
    '4',
    '--per_device_train_batch_size',
    '16',
  ];
  const strategy = ['--sampler', 'tpe', '--pruner', 'hyperband:reduction=2'];
  const search = ['search', ...common, ...training, ...strategy, '--workers', values.workers];
  const log = (name: string): string => join(folder, `${name}.log`);

  // The reference: the same rounds, by one worker that nobody disturbs.
  const alone = join(folder, 'alone.db');
  await run([...search, '--launcher', 'none', '--study', 'alone', '--storage', alone], log('alone'));
  await run(['worker', ...places, '--study', 'alone', '--trials', values.trials, '--storage', alone], log('alone'));
  const undisturbed = await trialsOf(alone, 'alone');

  const parts: Record<string, unknown> = {};
  for (const mode of ['lockstep', 'async'] as const) {
    const study = `postgres-${mode}`;
    const more = mode === 'async' ? ['--async'] : [];
    await run([...search, ...more, '--launcher', 'none', '--study', study, '--storage', database], log(study));
    const worker = [
      'worker',
      ...places,
      '--study',
      study,
      '--trials',
      values.trials,
      '--storage',
      database,
      '--lease',
      values.lease,
      // Workers are killed by hand here, again and again.
      '--attempts',
      '1000',
      ...more,
    ];
    const disturbed = await disturbedWorkers({
      ...{ address: database, study, trials, workers, worker, random },
      log: log(study),
      events: Number(values.events),
    });
    const found = await trialsOf(database, study);
    parts[study] = {
      ...disturbed,
      ...summary(found, trials),
      ...(mode === 'lockstep' ? { trials_that_differ_from_undisturbed: differing(found, undisturbed) } : {}),
    };
    console.error(JSON.stringify(parts[study]));
  }
  if (values.slurm) {
    const study = 'slurm-lockstep';
    process.chdir(folder);
    const job = await disturbedJob({
      ...{ address: database, study, trials, folder, random },
      search: [
        ...search,
        '--launcher',
        'slurm',
        '--study',
        study,
        '--storage',
        database,
        '--lease',
        values.lease,
        // Workers are killed by hand here, again and again.
        '--attempts',
        '1000',
        '--slurm',
        'partition=low',
        '--slurm',
        'time=10',
      ],
    });
    const found = await trialsOf(database, study);
    parts[study] = {
      ...job,
      ...summary(found, trials),
      trials_that_differ_from_undisturbed: differing(found, undisturbed),
    };
    console.error(JSON.stringify(parts[study]));
  }
  const all = Object.values(parts) as { all_finished: boolean; trials_that_differ_from_undisturbed?: number[] }[];
  const good = all.every(
    ({ all_finished, trials_that_differ_from_undisturbed: other = [] }) => all_finished && other.length === 0,
  );
  saveResult('cluster', {
    headline: `${workers} workers on PostgreSQL${values.slurm ? ' and under Slurm' : ''}, disturbed at random: ${good ? 'all trials finished once, lockstep studies as undisturbed' : 'NOT as undisturbed'}`,
    commands: {
      lrdist: `node bench/experiments/cluster.ts --address postgres://... --work FOLDER${values.slurm ? ' --slurm' : ''} --trials ${values.trials} --workers ${values.workers} --events ${values.events} --seed ${values.seed}`,
    },
    seeds: [Number(values.seed)],
    model: values.model,
    tasks: values.tasks,
    rows: Number(values.rows),
    scored_rows: Number(values.scored),
    lease_seconds: Number(values.lease),
    undisturbed: summary(undisturbed, trials),
    ...parts,
  });
  if (!good) process.exitCode = 1;
}
