import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchObjective, JobResult } from '../../../lib/search/executor.ts';
import { score } from './setting.ts';

/** Replicas side by side; a step takes `pause` milliseconds on average. */
export function createObjective({ pause }: { readonly pause: number }): BatchObjective {
  return async (jobs, context) => {
    const results: JobResult[] = [];
    let running = jobs;
    for (let step = 1; step <= context.maxStep; step++) {
      if (pause > 0) await sleep(2 * pause * Math.random(), undefined, { signal: context.signal });
      const reports = running.map((job) => ({ job, values: [score(job.parameters, step)] }));
      if (step === context.maxStep)
        return [...results, ...reports.map((report) => ({ ...report, state: 'complete' as const }))];
      if (!context.rungs.includes(step)) continue;
      const goOn = new Set((await context.report(step, reports)).map(({ trial }) => trial));
      const ended = running.filter(({ trial }) => !goOn.has(trial));
      results.push(...ended.map((job) => ({ job, state: 'pruned' as const })));
      running = running.filter(({ trial }) => goOn.has(trial));
    }
    return results;
  };
}
