/** Trials of a pair of tasks, as a batch objective of the search. */
import type { PairScores } from '../report/shift-record.ts';
import type { BatchContext, BatchObjective, Job, JobReport, JobResult } from '../search/executor.ts';
import type { Json } from '../search/trial.ts';
import { ratesAt } from '../rates/distribution.ts';
import { fewerText } from '../train/parts.ts';
import type { Ending, RungScores } from './batch-run.ts';
import type { Candidate } from './candidate.ts';
import type { FirstStageOptions } from './kept-first-stage.ts';
import type { Pair } from './pair.ts';
import { PairSession } from './pair-session.ts';

export interface PairObjective extends AsyncDisposable {
  readonly run: BatchObjective;
  /** The open session, made at the first call. */
  session(signal?: AbortSignal): Promise<PairSession>;
}

/** What trials are made of. */
export type SearchedPair = Pick<Pair, 'space' | 'objective' | 'options'>;

/**
 * The session is opened by the first batch and kept for the others.
 *
 * @param onNote is told what the first stage has to say; without it the next batch tells it as its progress, `{ type: 'note', note }`
 */
export function pairObjective(pair: SearchedPair, { onNote }: Pick<FirstStageOptions, 'onNote'> = {}): PairObjective {
  let opened: Promise<PairSession> | undefined;
  const untold: string[] = [];
  const opening = { onNote: onNote ?? ((note: string) => untold.push(note)) };
  const session = (signal?: AbortSignal): Promise<PairSession> => {
    opened ??= PairSession.open(pair.options, { ...opening, ...(signal && { signal }) }).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  return {
    session,
    async run(jobs, context) {
      const ready = await session(context.signal);
      for (const note of untold.splice(0)) context.progress({ type: 'note', note });
      return runBatch(pair, ready, jobs, context);
    },
    async [Symbol.asyncDispose]() {
      const model = await opened?.catch(() => undefined);
      await model?.[Symbol.asyncDispose]();
    },
  };
}

async function runBatch(
  pair: SearchedPair,
  session: PairSession,
  jobs: readonly Job[],
  context: BatchContext,
): Promise<readonly JobResult[]> {
  const candidates = jobs.map(({ parameters, trial }) => pair.space.decode(parameters, `trial-${trial}`));
  const { metrics } = session;
  const valuesOf = (scores: RungScores): readonly number[] =>
    'p_s' in scores
      ? pair.objective.values(scores, metrics)
      : // The paper's first stage: half of what the first task has is all that is known of the sum.
        pair.objective.names.map(() => scores.before / 2);
  const endings = await session.run(candidates, {
    signal: context.signal,
    rungs: context.rungs,
    async onRung(step, scores) {
      const reports = [...scores].map(
        ([index, each]): JobReport => ({ job: jobs[index]!, values: valuesOf(each), attributes: { ...each } }),
      );
      const going = new Set((await context.report(step, reports)).map(({ trial }) => trial));
      return new Set([...scores.keys()].filter((index) => going.has(jobs[index]!.trial)));
    },
    onStep: (step) => context.progress({ trials: jobs.map(({ trial }) => trial), ...step }),
    onFewer: (fewer) => context.progress({ type: 'note', note: fewerText(fewer, 'trials') }),
  });
  const { device } = session;
  return endings
    .map((ending, index) => resultOf(jobs[index]!, ending, candidates[index]!, pair, valuesOf))
    .map((result) => (device === undefined ? result : { ...result, attributes: { ...result.attributes, device } }));
}

function resultOf(
  job: Job,
  ending: Ending,
  candidate: Candidate,
  { objective, options }: SearchedPair,
  valuesOf: (scores: PairScores) => readonly number[],
): JobResult {
  const { distribution } = candidate;
  const rates = distribution.stages.map((_, stage) => {
    const values = ratesAt(distribution, stage);
    return Object.fromEntries(distribution.groups.map(({ name }, g) => [name, values[g]!]));
  });
  const attributes: Record<string, Json> = { seed: options.seed ?? 42, rates };
  if (ending.state === 'not_finite')
    return { job, state: 'failed', error: 'the loss stopped being finite', attributes };
  if (ending.state === 'pruned') return { job, state: 'pruned', attributes };
  return {
    job,
    state: 'complete',
    values: valuesOf(ending.scores),
    ...(objective.constraints && { constraints: objective.constraints(ending.scores) }),
    attributes: { ...attributes, ...ending.scores },
  };
}
