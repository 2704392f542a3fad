import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../../../lib/random.ts';
import { inProcessExecutor } from '../../../lib/search/executors/in-process.ts';
import { openStudy } from '../../../lib/search/open-study.ts';
import { optimize } from '../../../lib/search/optimize.ts';
import { isFinished, type Trial } from '../../../lib/search/trial.ts';
import { createObjective } from './jobs.ts';
import { Crew, type Victim } from './killing.ts';
import { batchSize, enqueueFirst, essence, score, slots, studyOptions, type WorkerOrders } from './setting.ts';

export interface AttemptOptions extends WorkerOrders {
  readonly workers: number;
  /** Kills, at most; the study may be finished before. */
  readonly kills: number;
  readonly seed: number;
  /** Mean milliseconds between kills. */
  readonly pause: number;
  readonly victims: readonly Victim[];
  readonly breakConnections?: () => Promise<void>;
}

export interface AttemptResult {
  readonly kills: Record<Victim, number>;
  readonly seconds: number;
  /** Trials that were claimed more than once. */
  readonly repeated: number;
  readonly trials: number;
}

/**
 * A study under kills, and the proof that nothing was lost.
 *
 * @throws AssertionError or Error, with what went wrong
 */
export async function survive(options: AttemptOptions): Promise<AttemptResult> {
  const began = Date.now();
  await using study = await openStudy({ ...studyOptions(options.name), storage: options.storage });
  await enqueueFirst(study);
  const crew = new Crew(options, options.workers);
  const random = createRandom(options.seed);
  const kills: Record<Victim, number> = { worker: 0, child: 0, connection: 0 };
  const seen = new Map<number, string>();
  const watch = async () => remember(seen, await study.trials());
  try {
    for (let n = 0; n < options.kills && !crew.finished; ) {
      await sleep(2 * options.pause * random.float());
      const victim = options.victims[random.int(options.victims.length)]!;
      if (victim === 'connection') await options.breakConnections!();
      else if (!crew.kill(victim, random)) continue;
      kills[victim]++;
      n++;
      await watch();
    }
    await crew.done(120_000);
    await watch();
    const trials = await study.trials();
    checkComplete(trials, options, seen);
    if (options.mode === 'lockstep') assert.deepEqual(essence(trials), await undisturbed(options));
    return {
      kills,
      seconds: (Date.now() - began) / 1000,
      repeated: trials.filter(({ attempt }) => attempt > 1).length,
      trials: trials.length,
    };
  } finally {
    crew.end();
  }
}

/** A trial that is finished stays as it was. */
function remember(seen: Map<number, string>, trials: readonly Trial[]): void {
  for (const trial of trials.filter(isFinished)) {
    const { finished, state, values, reports, attempt } = trial;
    const record = JSON.stringify({ finished, state, values, reports, attempt });
    assert.equal(seen.get(trial.number) ?? record, record, `trial ${trial.number} changed after its end`);
    seen.set(trial.number, record);
  }
}

function checkComplete(
  trials: readonly Trial[],
  { trials: wanted, log, name }: AttemptOptions,
  seen: Map<number, string>,
) {
  assert.deepEqual(
    trials.map(({ number }) => number),
    Array.from({ length: wanted }, (_, i) => i),
  );
  for (const trial of trials) {
    assert.ok(
      trial.state === 'complete' || trial.state === 'pruned',
      `trial ${trial.number}: ${trial.state} ${trial.error}`,
    );
    for (const { step, values } of trial.reports) assert.deepEqual(values, [score(trial.parameters, step)]);
    assert.ok(seen.has(trial.number));
  }
  const recorded = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  const ours = recorded.filter((line) => line.startsWith(`${name} `)).map((line) => line.split(' '));
  assert.equal(new Set(ours.map(([, number]) => number)).size, ours.length, 'a trial was recorded twice');
  for (const [, number, state] of ours)
    assert.equal(trials[Number(number)]?.state, state, `trial ${number}, which a worker had recorded, was lost`);
}

/** The same study by one process that nobody disturbs. */
async function undisturbed({ name, trials, mode }: AttemptOptions): Promise<string[]> {
  await using study = await openStudy(studyOptions(name));
  await enqueueFirst(study);
  const executor = inProcessExecutor(createObjective({ pause: 0 }), { batchSize, parallel: slots });
  await optimize(study, executor, { trials, mode });
  return essence(await study.trials());
}
