/** `--finalists`: the best trials again under other seeds. */
import { type Contender, type Final, repeatFinalists } from '../../pair-search/finalists.ts';
import type { Pair } from '../../pair-search/pair.ts';
import { alignColumns } from '../../rates/table.ts';
import type { StoredStudy } from '../../search/storage/storage.ts';
import type { Trial } from '../../search/trial.ts';
import type { CommandContext } from '../run.ts';
import { isFlat, ranked } from '../study/ranking.ts';
import { drawingOf, score } from '../study/trials-text.ts';
import type { SearchArguments } from './options.ts';
import { countOf, invalid, textOf } from './reading.ts';

export interface FinalPlan {
  readonly finalists: number;
  readonly seeds: number;
}

/** @throws ERR_INVALID_OPTION */
export function finalPlan(args: SearchArguments): FinalPlan | undefined {
  const finalists = countOf(args, 'finalists');
  const seeds = countOf(args, 'finalist_seeds');
  if (finalists === undefined && seeds === undefined) return undefined;
  if (finalists === undefined) throw invalid('--finalist_seeds: --finalists is missing', 'For example --finalists 3');
  if ((seeds ?? 3) < 2) throw invalid('--finalist_seeds: expected 2 or more');
  if (/^pareto/.test(textOf(args, 'objective') ?? ''))
    throw invalid('--finalists is for an objective of one value', 'With several objectives no one trial is the best.');
  if (!['local', undefined].includes(textOf(args, 'launcher')))
    throw invalid(
      '--finalists is for --launcher local',
      'Add it to a last call with --resume, when all trials are finished.',
    );
  return { finalists, seeds: seeds ?? 3 };
}

/** undefined where there is nothing to compare. */
export async function runFinals(
  pair: Pair,
  study: StoredStudy,
  trials: readonly Trial[],
  { finalists, seeds }: FinalPlan,
  batchSize: number,
  { output, signal }: CommandContext,
): Promise<Final | undefined> {
  const order = ranked(study, trials);
  const flat = order.find(isFlat);
  if (flat === undefined) {
    output.note('no flat rate ended well, so there is nothing to compare the best trials with: they are not repeated');
    return undefined;
  }
  // Seeds that no trial was chosen by.
  const from = (pair.options.seed ?? 42) + 1;
  return repeatFinalists(pair, {
    finalists: order.slice(0, finalists).map(contender),
    reference: contender(flat),
    seeds: Array.from({ length: seeds }, (_, i) => from + i),
    batchSize,
    signal,
    onSeed: (seed, done) => {
      if (output.progress) output.note(`finalists under seed ${seed} (${done + 1}/${seeds})`);
    },
  });
}

function contender({ number, parameters }: Trial): Contender {
  return { trial: number, parameters };
}

/** The trial to take: the choice of the finals, else the best score. */
export function chosenTrial(study: StoredStudy, trials: readonly Trial[], final: Final | undefined): Trial | undefined {
  const chosen = final?.choice.best?.trial;
  return chosen === undefined ? ranked(study, trials)[0] : trials[Number(chosen)];
}

export function finalsText(
  study: StoredStudy,
  trials: readonly Trial[],
  { choice, reference, repeated }: Final,
): string {
  const seeds = Object.keys(repeated[0]!.scores);
  const signed = (value: number): string => (Number.isFinite(value) ? `${value > 0 ? '+' : ''}${score(value)}` : '-');
  const rows = choice.ranking.map(({ trial, difference, low, high, seeds: shared }) => [
    String(trial),
    String(shared),
    signed(difference),
    `[${signed(low)}, ${signed(high)}]`,
    drawingOf(study, trials[Number(trial)]!),
  ]);
  const left = repeated.slice(0, -1).filter(({ feasible }) => !feasible);
  return [
    `Finalists under seeds ${seeds.join(', ')}, less the best flat rate (trial ${reference}), in points, with the 95 % interval of the mean:`,
    ...(rows.length === 0
      ? []
      : [alignColumns([['trial', 'seeds', 'mean', 'interval', 'rates'], ...rows], [true, true, true, true, false])]),
    ...(left.length === 0
      ? []
      : [
          `not chosen from, for a loss that was not finite or a constraint: trial ${left.map(({ trial }) => trial).join(', ')}`,
        ]),
    choice.better
      ? `Trial ${choice.best!.trial} is better than the flat rate.`
      : 'None is shown to be better than the flat rate.',
  ].join('\n');
}
