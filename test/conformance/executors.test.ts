import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BatchContext, Executor, Job, JobReport } from '../../lib/search/executor.ts';
import { childProcessExecutor } from '../../lib/search/executors/child-process.ts';
import { inProcessExecutor } from '../../lib/search/executors/in-process.ts';
import { simulatedExecutor } from '../../lib/search/executors/simulated.ts';
import { createObjective } from '../process/fixtures/jobs.ts';

const module = new URL('../process/fixtures/jobs.ts', import.meta.url);

/** Executors that give a trial x, 2x and 3x at its three steps, and fail where its way is `throw`. */
const executors: Record<string, () => Executor> = {
  'in-process': () => inProcessExecutor(createObjective({ pause: 1 }), { batchSize: 4, parallel: 2 }),
  'child-process': () => childProcessExecutor({ module, options: { pause: 1 }, batchSize: 4, slots: 2, grace: 2000 }),
  simulated: () =>
    simulatedExecutor({
      batchSize: 4,
      parallel: 2,
      curve({ x, way }) {
        if (way === 'throw') throw new Error('thrown on purpose');
        return [1, 2, 3].map((step) => ({ step, values: [Number(x) * step] }));
      },
    }),
};

function jobsOf(...values: (number | string)[]): Job[] {
  return values.map((x, trial) => ({ trial, attempt: 1, parameters: { x, way: 'fine' } }));
}

interface Watched extends BatchContext {
  readonly reports: { readonly step: number; readonly reports: readonly JobReport[] }[];
}

function contextOf(
  goesOn: (report: JobReport, step: number) => boolean,
  signal = new AbortController().signal,
): Watched {
  const reports: Watched['reports'] = [];
  return {
    signal,
    rungs: [1, 2],
    maxStep: 3,
    reports,
    progress: () => {},
    async report(step, list) {
      reports.push({ step, reports: list });
      return list.filter((report) => goesOn(report, step)).map(({ job }) => job);
    },
  };
}

/** Time is up to the executor: nothing more is begun. */
async function run(executor: Executor, jobs: readonly Job[], context: BatchContext) {
  const running = executor.run(jobs, context);
  executor.settled?.();
  const results = await running;
  return [...results].sort((a, b) => a.job.trial - b.job.trial);
}

for (const [name, create] of Object.entries(executors))
  describe(`executor ${name}`, () => {
    async function using(use: (executor: Executor) => Promise<void>): Promise<void> {
      const executor = create();
      try {
        await use(executor);
      } finally {
        await executor.dispose();
        await executor.dispose();
      }
    }

    test('says what it takes', async () => {
      await using(async (executor) => {
        assert.deepEqual([executor.name, executor.batchSize, executor.parallel], [name, 4, 2]);
      });
    });

    test('runs a batch to the end: a result for each job, with its values', async () => {
      await using(async (executor) => {
        const results = await run(
          executor,
          jobsOf(1, 2, 3),
          contextOf(() => true),
        );
        assert.deepEqual(
          results.map(({ job, state, ...rest }) => [job.trial, state, 'values' in rest && rest.values]),
          [1, 2, 3].map((x, trial) => [trial, 'complete', [3 * x]]),
        );
      });
    });

    test('all jobs that run are reported together; who is told to end is pruned, the rest goes on', async () => {
      await using(async (executor) => {
        const context = contextOf(({ values }, step) => values[0]! > step);
        const results = await run(executor, jobsOf(1, 2, 3), context);
        assert.deepEqual(
          results.map(({ state }) => state),
          ['pruned', 'complete', 'complete'],
        );
        assert.deepEqual(
          context.reports
            .filter(({ step }) => step < 3)
            .map(({ step, reports }) => [step, reports.map(({ job, values }) => [job.trial, values])]),
          [
            [
              1,
              [
                [0, [1]],
                [1, [2]],
                [2, [3]],
              ],
            ],
            [
              2,
              [
                [1, [4]],
                [2, [6]],
              ],
            ],
          ],
        );
      });
    });

    test('the fault of a job is a failed result', async () => {
      await using(async (executor) => {
        const jobs = [{ trial: 0, attempt: 1, parameters: { x: 1, way: 'throw' } }];
        const [result] = await run(
          executor,
          jobs,
          contextOf(() => true),
        );
        assert.ok(result?.state === 'failed');
        assert.match(result.error, /thrown on purpose/);
        assert.equal(
          (
            await run(
              executor,
              jobsOf(1),
              contextOf(() => true),
            )
          )[0]?.state,
          'complete',
        );
      });
    });

    test('NaN and Infinity arrive as they are', async () => {
      await using(async (executor) => {
        const context = contextOf(() => true);
        const results = await run(executor, jobsOf('NaN', 'Infinity'), context);
        assert.deepEqual(
          context.reports[0]?.reports.map(({ values }) => values),
          [[NaN], [Infinity]],
        );
        assert.deepEqual(
          results.map((result) => result.state === 'complete' && result.values),
          [[NaN], [Infinity]],
        );
      });
    });

    test('aborted, it rejects with the reason, before and during', async () => {
      await using(async (executor) => {
        const reason = new Error('enough');
        const aborted = contextOf(() => true, AbortSignal.abort(reason));
        await assert.rejects(executor.run(jobsOf(1), aborted), (error) => error === reason);
        const controller = new AbortController();
        const context = contextOf(() => {
          controller.abort(reason);
          return true;
        }, controller.signal);
        await assert.rejects(run(executor, jobsOf(1, 2), context), (error) => error === reason);
        assert.equal(
          (
            await run(
              executor,
              jobsOf(1),
              contextOf(() => true),
            )
          )[0]?.state,
          'complete',
        );
      });
    });

    test('a report that is refused stops the batch', async () => {
      await using(async (executor) => {
        const controller = new AbortController();
        const lost = new Error('lost');
        const context: BatchContext = {
          ...contextOf(() => true, controller.signal),
          report() {
            controller.abort(lost);
            return Promise.reject(lost);
          },
        };
        await assert.rejects(run(executor, jobsOf(1), context), (error) => error === lost);
      });
    });

    test('two batches at once do not mix', async () => {
      await using(async (executor) => {
        const contexts = [contextOf(() => true), contextOf(({ job }) => job.trial === 1)];
        const running = [executor.run(jobsOf(1, 2), contexts[0]!), executor.run(jobsOf(3, 4), contexts[1]!)];
        // One of two may end long before the other: it says so each time.
        for (const each of running) void each.finally(() => executor.settled?.()).catch(() => undefined);
        executor.settled?.();
        const [first, second] = await Promise.all(running);
        assert.deepEqual(
          first?.map(({ state }) => state),
          ['complete', 'complete'],
        );
        assert.deepEqual(second?.map(({ state }) => state).sort(), ['complete', 'pruned']);
        assert.deepEqual(
          contexts[1]!.reports[0]?.reports.map(({ values }) => values),
          [[3], [4]],
        );
      });
    });
  });
