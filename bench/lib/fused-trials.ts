import { join } from 'node:path';
import { loadPair } from '../../lib/pair-search/pair.ts';
import { pairObjective } from '../../lib/pair-search/pair-objective.ts';
import { pairSpec } from '../../lib/pair-search/spec.ts';
import { flat } from '../../lib/rates/distribution.ts';
import { toDocument } from '../../lib/rates/file.ts';
import { createRandom } from '../../lib/random.ts';
import type { Job } from '../../lib/search/executor.ts';
import { createSampler } from '../../lib/search/samplers/create.ts';
import { data } from './case.ts';

/** The small search that `search` measures. */
export const small = {
  model: 'bert-tiny-uncased-mlm',
  tasks: ['qnli', 'sst2'],
  rows: 1000,
  selectionRows: 500,
  trials: 16,
  epochs: 2,
  batch: 32,
} as const;

export interface TrialTimes {
  /** Of all trials. */
  readonly trials: number;
  /** Of what is paid once: tasks, model and first stage. */
  readonly once: number;
}

/** All trials in batches of so many, in one session; times by a clock in seconds. */
export async function fusedTrials(width: number, session: object, clock: () => number): Promise<TrialTimes> {
  const began = clock();
  const pair = await loadPair(
    pairSpec({
      model: join(data(), 'models', small.model),
      dataDir: join(data(), 'glue'),
      tasks: small.tasks,
      maxTrainSamples: small.rows,
      selectionRows: small.selectionRows,
      training: { epochs: small.epochs, batchSize: small.batch },
      firstRates: toDocument(flat(3e-4)),
      session: { ...session },
      cache: false,
    }),
  );
  await using objective = pairObjective(pair);
  await objective.session();
  const once = clock() - began;
  const random = createRandom(1);
  const points = createSampler('random').suggest({
    space: pair.space.space,
    directions: ['maximize'],
    trials: [],
    count: small.trials,
    random,
  });
  const jobs = points.map((parameters, trial): Job => ({ trial, attempt: 1, parameters }));
  const context = {
    signal: new AbortController().signal,
    rungs: [],
    maxStep: small.epochs,
    report: async () => [],
    progress: () => undefined,
  };
  for (let from = 0; from < small.trials; from += width) await objective.run(jobs.slice(from, from + width), context);
  return { trials: clock() - began - once, once };
}
