import { LrdistError } from '../../errors.ts';
import type { TrialRow } from '../trial-table/table.ts';

/** Leaves out trials that never learned a task. */
export interface ChanceFilter {
  /** A score at most this far above chance counts as not learned. */
  readonly margin: number;
  /** What guessing gets, by task: for accuracy, the share of the commonest class. */
  readonly chance: Readonly<Record<string, number>>;
}

/**
 * Parses `sst2=0.509,mrpc=0.684`.
 *
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function parseChance(text: string): Record<string, number> {
  return Object.fromEntries(
    text.split(',').map((entry) => {
      const match = /^\s*([^=]+?)\s*=\s*(-?\d*\.?\d+)\s*$/.exec(entry);
      if (match !== null && Math.abs(Number(match[2])) < 1) return [match[1]!, Number(match[2])];
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `chance: expected TASK=SCORE with a score below 1, received "${entry}"`,
        {
          remedy: 'For example --chance sst2=0.509,mrpc=0.684.',
        },
      );
    }),
  );
}

/**
 * Whether every score that the row has lies above chance: `before` and p_o of the pair's first task, p_s of its second.
 *
 * @throws LrdistError ERR_INVALID_OPTION if the pair's tasks or their chance are not known, or the row has only a `score`
 */
export function aboveChance({ pair, scores, where }: TrialRow, { margin, chance }: ChanceFilter): boolean {
  const { before, p_s, p_o } = scores;
  if (p_s === undefined || p_o === undefined)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `min_above_chance: ${where} has no p_s and p_o to compare with chance`,
      {
        remedy: 'Leave the option out for tables that have only a score.',
      },
    );
  const [first, second] = tasksOf(pair);
  const learned = (score: number | undefined, task: string): boolean =>
    score === undefined || score > chanceOf(task, chance) + margin;
  return learned(before, first) && learned(p_o, first) && learned(p_s, second);
}

/** `sst2->mrpc`, `sst2→mrpc`, `sst2>mrpc` or `sst2,mrpc`. */
function tasksOf(pair: string): [string, string] {
  const tasks = pair.split(/\s*(?:->|→|>|,)\s*/);
  if (tasks.length === 2) return tasks as [string, string];
  throw new LrdistError('ERR_INVALID_OPTION', `min_above_chance: expected a pair as sst2->mrpc, received "${pair}"`, {
    remedy: 'Chance is looked up by the names of the two tasks.',
  });
}

function chanceOf(task: string, chance: Readonly<Record<string, number>>): number {
  if (Object.hasOwn(chance, task)) return chance[task]!;
  throw new LrdistError('ERR_INVALID_OPTION', `min_above_chance: what guessing gets on "${task}" is not known`, {
    remedy: `Add it: --chance ${task}=0.5 (for accuracy, the share of the commonest class).`,
  });
}
