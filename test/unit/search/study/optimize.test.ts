import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../../../../lib/random.ts';
import type { SearchEvent } from '../../../../lib/search/events.ts';
import type { BatchObjective } from '../../../../lib/search/executor.ts';
import { inProcessExecutor } from '../../../../lib/search/executors/in-process.ts';
import { plainObjective } from '../../../../lib/search/executors/objective.ts';
import { optimize, type OptimizeOptions } from '../../../../lib/search/optimize.ts';
import type { Storage } from '../../../../lib/search/storage/storage.ts';
import { openMemoryStorage } from '../../../../lib/search/storage/memory.ts';
import { essence, open, type Options, sideBySide } from './helpers.ts';

/** As `sideBySide`, but it takes a while, a different one for each batch. */
function slowly(most: number, seed = 1): BatchObjective {
  const random = createRandom(seed);
  return async (jobs, context) => {
    const wait = () => sleep(random.float() * most, undefined, { signal: context.signal });
    await wait();
    return sideBySide(jobs, {
      ...context,
      report: async (step, reports) => {
        const goOn = await context.report(step, reports);
        await wait();
        return goOn;
      },
    });
  };
}

const lockstep: Options = { pruner: 'asha', maxStep: 9, sampler: 'tpe' };

async function undisturbed(trials: number, options: Options = lockstep) {
  await using study = await open(options);
  await study.enqueue([1, 2, 3].map((i) => ({ x: i / 10, rate: 1e-5 })));
  await optimize(study, inProcessExecutor(sideBySide, { batchSize: 4, parallel: 2 }), { trials });
  return essence(await study.trials());
}

test('a batch that takes longer than the lease stays with its worker while that lives', async () => {
  const storage = openMemoryStorage();
  const events: SearchEvent[] = [];
  const worker = async () => {
    await using study = await open({ storage, resume: 'auto', lease: 150 });
    const executor = inProcessExecutor(
      async (jobs, context) => {
        await sleep(500);
        return sideBySide(jobs, context);
      },
      { batchSize: 4 },
    );
    await optimize(study, executor, { trials: 8, onEvent: (event) => events.push(event) });
    return study.trials();
  };
  const [trials] = await Promise.all([worker(), worker()]);
  assert.ok(trials.every(({ state, attempt, lost }) => state === 'complete' && attempt === 1 && lost === 0));
  assert.ok(events.every(({ type }) => type !== 'lost'));
});

test('runs as many trials as wanted, enqueued ones first, and goes on to a larger total', async () => {
  await using study = await open();
  await study.attachBaseline({ parameters: { x: 0.5, rate: 1e-5 }, values: 0.5 });
  await study.enqueue({ x: 0.5, rate: 1e-5 });
  const executor = inProcessExecutor(sideBySide);
  assert.equal(await optimize(study, executor, { trials: 3 }), 'trials');
  const states = async () => (await study.trials()).map(({ origin, state }) => `${origin} ${state}`);
  assert.deepEqual(await states(), ['attached complete', 'enqueued complete', 'sampled complete', 'sampled complete']);
  await optimize(study, executor, { trials: 5 });
  assert.equal((await states()).length, 6);
  await optimize(study, executor, { trials: 5 });
  assert.equal((await states()).length, 6);
});

test('batches of the size of the executor, in rounds of as many as it runs at once', async () => {
  const trials = await undisturbed(20);
  assert.deepEqual(
    trials.map(({ batch }) => batch),
    Array.from({ length: 20 }, (_, i) => Math.floor(i / 4)),
  );
  assert.deepEqual(
    trials.map(({ round }) => round),
    Array.from({ length: 20 }, (_, i) => Math.floor(i / 8)),
  );
  assert.ok(trials.some(({ state }) => state === 'pruned') && trials.some(({ state }) => state === 'complete'));
});

test('lockstep: the same study with any number of workers and interruptions', async () => {
  for (const pruner of ['asha', 'hyperband', 'median']) {
    const options = { ...lockstep, pruner };
    const expected = await undisturbed(28, options);
    assert.deepEqual(await undisturbed(28, options), expected);
    for (const workers of [1, 3]) assert.deepEqual(await disturbed(28, workers, options), expected);
  }
});

/** Workers that are stopped at random and start again. */
async function disturbed(trials: number, workers: number, options: Options) {
  const storage = openMemoryStorage();
  const first = await open({ ...options, storage });
  await first.enqueue([1, 2, 3].map((i) => ({ x: i / 10, rate: 1e-5 })));
  const random = createRandom(7, workers);
  let interruptions = 0;
  async function work(): Promise<void> {
    for (;;) {
      await using study = await open({ ...options, storage, resume: 'must' });
      const executor = inProcessExecutor(slowly(12, random.int(1000)), { batchSize: 4, parallel: 2 });
      const signal = interruptions < 12 ? AbortSignal.timeout(5 + random.int(25)) : undefined;
      try {
        await optimize(study, executor, { trials, lease: 200, ...(signal ? { signal } : {}) });
        return;
      } catch (error) {
        if (!signal?.aborted) throw error;
        interruptions++;
      }
    }
  }
  await Promise.all(Array.from({ length: workers }, work));
  assert.ok(interruptions > 5, `${interruptions} interruptions`);
  return essence(await first.trials());
}

test('async: several workers on one storage finish all trials, each once', async () => {
  const storage = openMemoryStorage();
  const finished: number[] = [];
  await open({ ...lockstep, storage });
  const work = async () => {
    await using study = await open({ ...lockstep, storage, resume: 'must' });
    const onEvent = (event: SearchEvent) => event.type === 'finished' && finished.push(event.trial);
    const executor = inProcessExecutor(slowly(5), { batchSize: 2, parallel: 2 });
    await optimize(study, executor, { trials: 30, mode: 'async', onEvent });
  };
  await Promise.all([work(), work(), work()]);
  assert.deepEqual(
    finished.sort((a, b) => a - b),
    Array.from({ length: 30 }, (_, i) => i),
  );
});

test('async does not wait for the slowest, lockstep does', async () => {
  const most = async (mode: 'async' | 'lockstep') => {
    await using study = await open();
    let first = true;
    let finishedMeanwhile = 0;
    let slow = false;
    const objective = plainObjective(async ({ x }) => {
      if (first) {
        first = false;
        slow = true;
        await sleep(60);
        slow = false;
      } else if (slow) finishedMeanwhile++;
      return Number(x);
    });
    await optimize(study, inProcessExecutor(objective, { parallel: 2 }), { trials: 10, mode });
    return finishedMeanwhile;
  };
  assert.equal(await most('lockstep'), 1);
  assert.ok((await most('async')) > 5);
});

test('an abort releases what runs, with its reports, and rejects with the reason', async () => {
  const storage = openMemoryStorage();
  await using study = await open({ storage, pruner: 'median', maxStep: 3 });
  const controller = new AbortController();
  const reason = new Error('enough');
  const endless: BatchObjective = async (jobs, { report, signal }) => {
    await report(
      1,
      jobs.map((job) => ({ job, values: [0.5] })),
    );
    controller.abort(reason);
    await sleep(60_000, undefined, { signal });
    return [];
  };
  await assert.rejects(
    optimize(study, inProcessExecutor(endless, { batchSize: 2 }), { trials: 4, signal: controller.signal }),
    (error) => error === reason,
  );
  assert.deepEqual(
    (await study.trials()).map(({ state, reports }) => [state, reports.length]),
    [
      ['waiting', 1],
      ['waiting', 1],
    ],
  );
  // At once, without waiting for a lease.
  await optimize(study, inProcessExecutor(sideBySide, { batchSize: 2 }), { trials: 4 });
  assert.deepEqual(
    (await study.trials()).map(({ attempt }) => attempt),
    [2, 2, 1, 1],
  );
  const aborted = AbortSignal.abort(reason);
  await assert.rejects(
    optimize(study, inProcessExecutor(sideBySide), { trials: 9, signal: aborted }),
    (error) => error === reason,
  );
});

test('after the timeout nothing is begun, and what runs is finished', async () => {
  await using study = await open();
  const objective = plainObjective(async ({ x }) => {
    await sleep(20);
    return Number(x);
  });
  assert.equal(await optimize(study, inProcessExecutor(objective), { timeout: 50 }), 'timeout');
  const trials = await study.trials();
  assert.ok(trials.length >= 1 && trials.length <= 4, String(trials.length));
  assert.ok(trials.every(({ state }) => state === 'complete'));
});

test('an objective that throws, gives too little or too much, or NaN, makes failed trials with a reason', async () => {
  await using study = await open({ maxStep: 2 });
  let call = 0;
  const objective: BatchObjective = async (jobs, { report }) => {
    const [job] = jobs;
    switch (call++) {
      case 0:
        throw new Error('broke');
      case 1:
        return [];
      case 2:
        return [{ job: job!, state: 'complete', values: [1, 2] }];
      case 3:
        return [{ job: job!, state: 'complete', values: [NaN] }];
      case 4:
        await report(3, [{ job: job!, values: [1] }]);
        return [];
      case 5:
        return [{ job: job!, state: 'complete', values: [1], attributes: { round: 1 } }];
      default:
        return [{ job: job!, state: 'complete', values: [1] }];
    }
  };
  await optimize(study, inProcessExecutor(objective), { trials: 7 });
  const trials = await study.trials();
  assert.deepEqual(
    trials.map(({ state }) => state),
    [...Array.from({ length: 6 }, () => 'failed'), 'complete'],
  );
  const reasons = [/^broke$/, /no result/, /expected 1 number/, /value is NaN/, /step: expected/, /attributes\.round/];
  for (const [i, reason] of reasons.entries()) assert.match(trials[i]!.error!, reason);
});

test('events tell of batches, reports and ends', async () => {
  await using study = await open({ ...lockstep, pruner: 'successive-halving', maxStep: 3 });
  const events: SearchEvent[] = [];
  const executor = inProcessExecutor(
    async (jobs, context) => {
      context.progress({ seconds: 1 });
      return sideBySide(jobs, context);
    },
    { batchSize: 3 },
  );
  await optimize(study, executor, { trials: 3, onEvent: (event) => events.push(event) });
  assert.deepEqual(events[0], { type: 'batch', batch: 'batch 0', trials: [0, 1, 2], attempts: [1, 1, 1] });
  assert.deepEqual(events[1], { type: 'progress', batch: 'batch 0', event: { seconds: 1 } });
  const reports = events.filter((event) => event.type === 'report');
  assert.deepEqual(
    reports.map(({ trial, step }) => [trial, step]),
    [0, 1, 2].map((trial) => [trial, 1]),
  );
  assert.equal(reports.filter(({ goesOn }) => goesOn).length, 1);
  const ends = events.filter((event) => event.type === 'finished').map(({ state }) => state);
  assert.deepEqual(ends.sort(), ['complete', 'pruned', 'pruned']);
});

test('a batch that another worker took over is left quietly, and nothing is recorded twice', async () => {
  const storage = openMemoryStorage();
  // The slow worker's renewals do not arrive in time, but it hears of it when its trial is somebody else's.
  const renew: Storage['renew'] = async (study, claims) => {
    const trials = await storage.trials(study);
    return claims.filter(({ trial }) => trials[trial.number]?.attempt === trial.attempt);
  };
  await using slow = await open({ storage: changed(storage, { renew }) });
  await using quick = await open({ storage, resume: 'must' });
  const events: string[] = [];
  let call = 0;
  const objective: BatchObjective = async (jobs, { signal }) => {
    if (call++ > 0) return jobs.map((job) => ({ job, state: 'failed', error: 'came back' }));
    await sleep(60_000, undefined, { signal });
    return [];
  };
  const losing = optimize(slow, inProcessExecutor(objective), {
    trials: 2,
    lease: 60,
    onEvent: ({ type }) => events.push(type),
  });
  await sleep(10);
  const winning = optimize(quick, inProcessExecutor(plainObjective(() => sleep(100, 1))), { trials: 2, lease: 1000 });
  await Promise.all([losing, winning]);
  assert.deepEqual(events.slice(0, 2), ['batch', 'lost']);
  const [first] = await quick.trials();
  assert.deepEqual([first?.state, first?.values, first?.attempt], ['complete', [1], 2]);
});

/** A storage with some methods in another way. */
function changed(storage: Storage, methods: Partial<Storage>): Storage {
  return new Proxy(storage, {
    get(target, key: keyof Storage) {
      if (key in methods) return Reflect.get(methods, key) as unknown;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

test('a lockstep study goes on with batches as large as it began, or says why not', async () => {
  await using study = await open(lockstep);
  await optimize(study, inProcessExecutor(sideBySide, { batchSize: 4 }), { trials: 4 });
  await assert.rejects(
    optimize(study, inProcessExecutor(sideBySide, { batchSize: 2 }), { trials: 8 }),
    /runs 4 trials in a batch, the executor takes 2/,
  );
  await optimize(study, inProcessExecutor(sideBySide, { batchSize: 8, parallel: 2 }), { trials: 8 });
  assert.deepEqual(
    essence(await study.trials()).map(({ batch }) => batch),
    [0, 0, 0, 0, 1, 1, 1, 1],
  );
  await optimize(study, inProcessExecutor(sideBySide, { batchSize: 2 }), { trials: 12, mode: 'async' });
});

test('an error of the storage ends the search and is what it rejects with', async () => {
  const storage = openMemoryStorage();
  await using study = await open({ storage });
  const broken = new Error('disk full');
  storage.finish = async () => {
    throw broken;
  };
  await assert.rejects(
    optimize(study, inProcessExecutor(sideBySide, { parallel: 2 }), { trials: 4 }),
    (error) => error === broken,
  );
});

test('options are checked', async () => {
  await using study = await open();
  const executor = inProcessExecutor(sideBySide);
  for (const options of [
    {},
    { trials: 0 },
    { trials: 1.5 },
    { timeout: -1 },
    { trials: 1, mode: 'fast' },
    { trials: 1, lease: 0 },
  ])
    await assert.rejects(optimize(study, executor, options as OptimizeOptions), { code: 'ERR_INVALID_OPTION' });
  assert.throws(() => inProcessExecutor(sideBySide, { batchSize: 0 }), { code: 'ERR_INVALID_OPTION' });
});
