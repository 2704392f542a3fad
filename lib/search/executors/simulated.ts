import { z } from 'zod';
import type { BatchContext, Executor, Job, JobResult } from '../executor.ts';
import type { Parameters } from '../space.ts';
import { checkExecutorOptions } from './in-process.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What a trial would have reported at a step. */
export interface CurvePoint {
  readonly step: number;
  readonly values: readonly number[];
  /** How long the trial needs from the point before to this one. Default 1. */
  readonly seconds?: number;
}

/** A trial's whole way, steps ascending; the last point's values are the trial's. */
export type Curve = (parameters: Parameters, job: Job) => readonly CurvePoint[];

export interface SimulatedOptions {
  /** For instance `recordedCurves`, or a formula. */
  readonly curve: Curve;
  /** Virtual workers: batches at once. Default 1. */
  readonly parallel?: number;
  readonly batchSize?: number;
  /** Time of a step of a batch, from those of its trials: their sum (default: replicas one after the other), or their maximum (side by side). */
  readonly together?: 'sum' | 'max';
}

export interface SimulatedExecutor extends Executor {
  /** Virtual seconds that have passed. */
  readonly elapsed: number;
}

const schema = z.object({
  curve: z.custom<Curve>((value) => typeof value === 'function', 'expected a function'),
  parallel: z.int().min(1).default(1),
  batchSize: z.int().min(1).default(1),
  together: z.enum(['sum', 'max']).default('sum'),
});

/**
 * Replays curves in virtual time under `optimize`, so that samplers and pruners are compared in seconds: whoever would be finished first is finished first. Trials have the attributes `began` and `ended`, in
 * virtual seconds. A curve that is empty or throws makes a failed trial.
 *
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function simulatedExecutor(options: SimulatedOptions): SimulatedExecutor {
  const { curve, parallel, batchSize, together } = checkExecutorOptions(schema, options);
  const clock = new VirtualClock();
  return {
    name: 'simulated',
    batchSize,
    parallel,
    get elapsed() {
      return clock.now;
    },
    async run(jobs, context) {
      context.signal.throwIfAborted();
      clock.enter();
      try {
        return await replay(jobs, context, curve, together, clock);
      } finally {
        clock.leave();
      }
    },
    settled: () => clock.settled(),
    dispose: async () => {},
  };
}

interface Replayed {
  readonly job: Job;
  readonly points: readonly CurvePoint[];
}

async function replay(
  jobs: readonly Job[],
  context: BatchContext,
  curve: Curve,
  together: 'sum' | 'max',
  clock: VirtualClock,
): Promise<readonly JobResult[]> {
  const began = clock.now;
  const results: JobResult[] = [];
  const end = (job: Job, how: { state: 'pruned' } | { state: 'complete'; values: readonly number[] }) =>
    results.push({ job, ...how, attributes: { began, ended: clock.now } });
  let running: readonly Replayed[] = jobs.flatMap((job) => {
    const points = pointsOf(curve, job);
    if (typeof points !== 'string') return [{ job, points }];
    results.push({ job, state: 'failed', error: points });
    return [];
  });

  for (let at = 0; running.length > 0; at++) {
    const seconds = running.map(({ points }) => points[at]!.seconds ?? 1);
    await clock.sleep(together === 'sum' ? seconds.reduce((a, b) => a + b, 0) : Math.max(...seconds));
    context.signal.throwIfAborted();
    // Curves of one batch may differ in their steps.
    const goOn = new Set<number>();
    for (const [step, group] of Map.groupBy(running, ({ points }) => points[at]!.step)) {
      const reports = group.map(({ job, points }) => ({ job, values: points[at]!.values }));
      for (const { trial } of await context.report(step, reports)) goOn.add(trial);
    }
    for (const { job, points } of running)
      if (!goOn.has(job.trial)) end(job, { state: 'pruned' });
      else if (at === points.length - 1) end(job, { state: 'complete', values: points[at]!.values });
    running = running.filter(({ job, points }) => goOn.has(job.trial) && at < points.length - 1);
  }
  return results;
}

function pointsOf(curve: Curve, job: Job): readonly CurvePoint[] | string {
  try {
    const points = curve(job.parameters, job);
    return points.length > 0 ? points : 'the curve has no points';
  } catch (error) {
    return String(error);
  }
}
