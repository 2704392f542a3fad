/** The best trials of a search once more, under other seeds: a search's best score is partly luck. */
import { chooseBest, type Choice } from '../search/best.ts';
import type { Parameters } from '../search/space.ts';
import type { Operation } from '../train/model.ts';
import { LrdistError } from '../errors.ts';
import type { SearchedPair } from './pair-objective.ts';
import { PairSession } from './pair-session.ts';

export interface Contender {
  readonly trial: number;
  readonly parameters: Parameters;
}

export interface FinalistOptions extends Operation {
  readonly finalists: readonly Contender[];
  /** What they have to beat, such as the best flat rate. */
  readonly reference: Contender;
  /** At least two, for an interval; none of them the study's. */
  readonly seeds: readonly number[];
  /** Trained side by side. Default 4. */
  readonly batchSize?: number;
  readonly onSeed?: (seed: number, done: number) => void;
}

export interface RepeatedTrial {
  readonly trial: number;
  /** Objective by seed; NaN where its loss stopped being finite. */
  readonly scores: Readonly<Record<string, number>>;
  /** Whether its loss stayed finite, and it keeps the objective's constraints in the mean over the seeds. Others are not chosen. */
  readonly feasible: boolean;
}

export interface Final {
  readonly repeated: readonly RepeatedTrial[];
  readonly reference: number;
  readonly choice: Choice;
}

/**
 * Trains all of them from the first stage on for each seed, and chooses by differences to the reference, paired by seed (see chooseBest).
 *
 * @throws ERR_INVALID_OPTION with several objectives, or fewer than two seeds
 */
export async function repeatFinalists(pair: SearchedPair, options: FinalistOptions): Promise<Final> {
  const { finalists, reference, seeds, onSeed } = options;
  if (pair.objective.names.length > 1)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `finalists: the objective ${pair.objective.name} has no one best trial`,
      {
        remedy: 'Take an objective of one value, such as sum or constrained:0.95.',
      },
    );
  if (seeds.length < 2) throw new LrdistError('ERR_INVALID_OPTION', 'finalists: expected two seeds or more');
  const contenders = [...finalists.filter(({ trial }) => trial !== reference.trial), reference];
  const runs: (readonly Run[])[] = [];
  for (const [done, seed] of seeds.entries()) {
    onSeed?.(seed, done);
    runs.push(await oneSeed(pair, contenders, seed, options));
  }
  const repeated = contenders.map(({ trial }, i): RepeatedTrial => {
    const own = runs.map((each) => each[i]!);
    return {
      trial,
      scores: Object.fromEntries(seeds.map((seed, s) => [seed, own[s]!.score])),
      feasible: isFeasible(own),
    };
  });
  const choice = chooseBest(
    repeated.slice(0, -1).filter(({ feasible }) => feasible),
    { direction: 'maximize', reference: repeated.at(-1)!.scores, minSeeds: Math.min(3, seeds.length) },
  );
  return { repeated, reference: reference.trial, choice };
}

interface Run {
  readonly score: number;
  readonly constraints: readonly number[];
}

function isFeasible(runs: readonly Run[]): boolean {
  return (
    runs.every(({ score }) => Number.isFinite(score)) &&
    runs[0]!.constraints.every((_, c) => runs.reduce((sum, { constraints }) => sum + constraints[c]!, 0) <= 0)
  );
}

async function oneSeed(
  { options, space, objective }: SearchedPair,
  contenders: readonly Contender[],
  seed: number,
  { batchSize = 4, signal }: FinalistOptions,
): Promise<readonly Run[]> {
  await using session = await PairSession.open({ ...options, seed }, { ...(signal && { signal }) });
  const runs: Run[] = [];
  for (let first = 0; first < contenders.length; first += batchSize) {
    const batch = contenders.slice(first, first + batchSize);
    const candidates = batch.map(({ parameters, trial }) => space.decode(parameters, `trial-${trial}`));
    const endings = await session.run(candidates, {
      rungs: [],
      onRung: async (_step, running) => new Set(running.keys()),
      ...(signal && { signal }),
    });
    for (const ending of endings)
      runs.push(
        ending.state === 'complete'
          ? {
              score: objective.values(ending.scores, session.metrics)[0]!,
              constraints: objective.constraints?.(ending.scores) ?? [],
            }
          : { score: NaN, constraints: [] },
      );
  }
  return runs;
}
