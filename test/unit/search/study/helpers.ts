import type { BatchObjective, JobResult } from '../../../../lib/search/executor.ts';
import type { StudyOptions } from '../../../../lib/search/open-study.ts';
import { openStudy } from '../../../../lib/search/open-study.ts';
import type { Storage } from '../../../../lib/search/storage/storage.ts';
import { openMemoryStorage } from '../../../../lib/search/storage/memory.ts';
import type { Study } from '../../../../lib/search/study.ts';
import type { Trial } from '../../../../lib/search/trial.ts';

export const space = {
  x: { kind: 'float', low: 0, high: 1 },
  rate: { kind: 'float', low: 1e-6, high: 1e-2, log: true },
} as const;

export type Options = Partial<Omit<StudyOptions<typeof space>, 'space'>> & { readonly storage?: Storage | string };

export function open(options: Options = {}): Promise<Study<typeof space>> {
  const storage = options.storage ?? openMemoryStorage();
  const directions = options.objectives ? {} : { directions: 'maximize' as const };
  return openStudy({ name: 'test', ...directions, sampler: 'random', seed: 1, ...options, storage, space });
}

/** Better towards x = 1; better and nearer to the end with every step, at different speeds. */
export function scoreAt(x: number, step: number): number {
  return x * (1 - Math.exp(-step * (1.2 - x)));
}

/** All jobs side by side through all steps, as replicas of a session would go. */
export const sideBySide: BatchObjective = async (jobs, { maxStep, rungs, report }) => {
  const results: JobResult[] = [];
  let running = jobs;
  for (let step = 1; step <= maxStep && running.length > 0; step++) {
    const reports = running.map((job) => ({ job, values: [scoreAt(Number(job.parameters.x), step)] }));
    if (step === maxStep) {
      results.push(...reports.map(({ job, values }) => ({ job, state: 'complete' as const, values })));
    } else if (rungs.includes(step)) {
      const goOn = await report(step, reports);
      results.push(...running.filter((job) => !goOn.includes(job)).map((job) => ({ job, state: 'pruned' as const })));
      running = goOn;
    }
  }
  return results;
};

/** What must be the same in every run of a lockstep study. */
export function essence(trials: readonly Pick<Trial, keyof Trial>[]) {
  return trials.map(({ number, state, origin, parameters, values, reports, error, attributes }) => {
    const { batch, round } = attributes;
    return { number, state, origin, parameters, values, reports, error, batch, round };
  });
}
