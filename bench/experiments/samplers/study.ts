import { createRandom } from '../../../lib/random.ts';
import type { Sampler } from '../../../lib/search/sampler.ts';
import type { Parameters } from '../../../lib/search/space.ts';
import type { Trial } from '../../../lib/search/trial.ts';
import { cpuSeconds } from './ask-time.ts';
import type { Peer } from './peer.ts';
import { observe, type Problem } from './problems.ts';

/** A sampler in the middle of a study. */
interface Asked {
  ask(count: number): Promise<{ parameters: readonly Parameters[]; seconds: number }>;
  tell(parameters: readonly Parameters[], values: readonly number[]): Promise<void>;
}

export interface StudyResult {
  /** Noise-free value above the lowest, of the trial that looked best, after the last trial. */
  readonly regret: number;
  /** Processor time of one suggestion, with three quarters of the trials done or more. */
  readonly askSeconds: number;
}

/** Trials in batches: a batch is asked for, then told. */
export async function runStudy(
  asked: Asked,
  problem: Problem,
  { trials, batch, seed }: { trials: number; batch: number; seed: number },
): Promise<StudyResult> {
  let best = { seen: Number.POSITIVE_INFINITY, regret: Number.POSITIVE_INFINITY };
  let late = { seconds: 0, count: 0 };
  for (let done = 0; done < trials; ) {
    const count = Math.min(batch, trials - done);
    const { parameters, seconds } = await asked.ask(count);
    if (done >= 0.75 * trials) late = { seconds: late.seconds + seconds, count: late.count + count };
    const values = parameters.map((point, i) => observe(problem, point, seed, done + i));
    parameters.forEach((point, i) => {
      if (values[i]! < best.seen) best = { seen: values[i]!, regret: problem.value(point) - problem.least };
    });
    await asked.tell(parameters, values);
    done += count;
  }
  return { regret: best.regret, askSeconds: late.seconds / late.count };
}

export function oursAsked(sampler: Sampler, { space }: Problem, seed: number): Asked {
  const trials: Trial[] = [];
  return {
    ask: async (count) => {
      const start = cpuSeconds();
      const random = createRandom(seed, trials.length);
      const parameters = sampler.suggest({ space, directions: ['minimize'], trials, count, random });
      return { parameters, seconds: cpuSeconds() - start };
    },
    tell: async (parameters, values) => {
      parameters.forEach((point, i) => trials.push(completeTrial(trials.length, point, values[i]!)));
    },
  };
}

export async function peerAsked(peer: Peer, sampler: string, { space }: Problem, seed: number): Promise<Asked> {
  await peer.study(sampler, space, seed);
  return { ask: (count) => peer.ask(count), tell: (_, values) => peer.tell(values) };
}

export function completeTrial(number: number, parameters: Parameters, value: number): Trial {
  return {
    number,
    state: 'complete',
    origin: 'sampled',
    parameters,
    values: [value],
    constraints: null,
    reports: [{ step: 1, values: [value] }],
    attributes: {},
    attempt: 1,
    lost: 0,
    error: null,
    created: 0,
    started: 0,
    finished: 0,
  };
}
