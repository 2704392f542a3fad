/** The best of a search again, under seeds that the search did not use: no winner by one lucky seed. */
import { LrdistError } from '../errors.ts';
import type { PairScores } from '../report/shift-record.ts';
import { chooseBest, type Choice } from '../search/best.ts';
import { nonDominatedSort, toLosses } from '../search/pareto.ts';
import type { StoredStudy } from '../search/storage/storage.ts';
import type { Trial } from '../search/trial.ts';
import type { Operation } from '../train/model.ts';
import type { SearchedPair } from './pair-objective.ts';
import { PairSession } from './pair-session.ts';

export interface ConfirmOptions extends Operation {
  /** At most so many finalists. Default 3. */
  readonly finalists?: number;
  /** Three or more, none of them the search's. */
  readonly seeds: readonly number[];
  readonly onSeed?: (seed: number, done: number, of: number) => void;
}

export interface Confirmed {
  readonly trial: number;
  /** Name of the known distribution it was enqueued as, if it was. */
  readonly known: string | null;
  /** By seed; null where it stopped being finite. */
  readonly scores: Readonly<Record<string, PairScores | null>>;
}

export interface Confirmation {
  readonly seeds: readonly number[];
  /** The best flat rate of the search. */
  readonly reference: Confirmed;
  readonly finalists: readonly Confirmed[];
  /** By the objective's first value, paired with the reference by seed: see chooseBest. */
  readonly choice: Choice;
}

/**
 * Trains the best trials and the best flat one again, side by side, once for each seed, each with a first stage of its own.
 *
 * @throws ERR_INVALID_OPTION for seeds that are too few or the search's own, and without a finished flat trial to compare with
 */
export async function confirmFinalists(
  pair: SearchedPair,
  study: StoredStudy,
  trials: readonly Trial[],
  { finalists: count = 3, seeds, signal, onSeed }: ConfirmOptions,
): Promise<Confirmation> {
  if (seeds.length < 3 || new Set(seeds).size < seeds.length || seeds.includes(pair.options.seed ?? 42))
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `seeds: expected three or more, all different, without the search's own; received ${seeds.join(', ')}`,
    );
  const ranked = rankTrials(study, trials);
  const isFlat = ({ attributes: { known } }: Trial): boolean => typeof known === 'string' && known.startsWith('flat@');
  const reference = ranked.find(isFlat);
  if (reference === undefined)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `the study "${study.name}" has no finished flat trial to compare with`,
      {
        remedy: 'Let it try its known points, or run more trials.',
      },
    );
  const chosen = [reference, ...ranked.filter((trial) => !isFlat(trial)).slice(0, count)];
  const candidates = chosen.map(({ number, parameters }) => pair.space.decode(parameters, `trial-${number}`));
  const scores = chosen.map((): Record<string, PairScores | null> => ({}));
  const values = chosen.map((): Record<string, number> => ({}));
  for (const [i, seed] of seeds.entries()) {
    onSeed?.(seed, i, seeds.length);
    await using session = await PairSession.open({ ...pair.options, seed }, signal);
    const endings = await session.run(candidates, {
      rungs: [],
      onRung: async (_step, running) => new Set(running.keys()),
      ...(signal && { signal }),
    });
    for (const [k, ending] of endings.entries()) {
      scores[k]![seed] = ending.state === 'complete' ? ending.scores : null;
      if (ending.state === 'complete') values[k]![seed] = pair.objective.values(ending.scores, session.metrics)[0]!;
    }
  }
  onSeed?.(seeds.at(-1)!, seeds.length, seeds.length);
  const confirmed = chosen.map(
    ({ number, attributes: { known } }, k): Confirmed => ({
      trial: number,
      known: typeof known === 'string' ? known : null,
      scores: scores[k]!,
    }),
  );
  const [first, ...others] = confirmed;
  return {
    seeds,
    reference: first!,
    finalists: others,
    choice: chooseBest(
      others.map(({ trial }, k) => ({ trial, scores: values[k + 1]! })),
      { direction: 'maximize', reference: values[0]! },
    ),
  };
}

/** Complete trials that keep their constraints, best first: by the value, or with several objectives by the front they lie in, then by the first. */
function rankTrials({ directions }: StoredStudy, trials: readonly Trial[]): readonly Trial[] {
  const eligible = trials.filter(
    ({ state, constraints }) => state === 'complete' && (constraints ?? []).every((value) => value <= 0),
  );
  const fronts = nonDominatedSort(eligible.map(({ values }) => toLosses(values!, directions)));
  return fronts.flatMap((front) =>
    front.map((i) => eligible[i]!).sort((a, b) => b.values![0]! - a.values![0]! || a.number - b.number),
  );
}
