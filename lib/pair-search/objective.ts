/** What a search over a pair of tasks makes as large as it can. */
import { LrdistError } from '../errors.ts';
import { objectiveOf } from '../forgetting/scores.ts';
import { chanceNormalised } from '../metrics/glue.ts';
import type { PairScores, TaskMetric } from '../report/shift-record.ts';

export interface Objective {
  /** As readObjective reads it. */
  readonly name: string;
  /** Of the values, all to be maximised. */
  readonly names: readonly string[];
  readonly values: (scores: PairScores, metrics: readonly [TaskMetric, TaskMetric]) => readonly number[];
  /** Kept where 0 or less. */
  readonly constraints?: (scores: PairScores) => readonly number[];
}

interface Kind {
  readonly form: string;
  readonly means: string;
  readonly argument: RegExp;
  create(name: string, argument: number): Objective;
}

const kinds: readonly Kind[] = [
  {
    form: 'sum',
    means: 'p_s + p_o, as in arXiv 2404.01317; of chance-normalised scores where the tasks have different metrics',
    argument: /^$/,
    create: (name) => ({
      name,
      names: ['objective'],
      values: ({ p_o, p_s }, metrics) => [objectiveOf(metrics, p_o, p_s)],
    }),
  },
  {
    form: 'weighted:W',
    means: 'W p_o + (1 - W) p_s of chance-normalised scores, W from 0 to 1',
    argument: /^(0(\.\d+)?|1(\.0+)?)$/,
    create: (name, weight) => ({
      name,
      names: ['objective'],
      values: ({ p_o, p_s }, [first, second]) => [
        weight * chanceNormalised(p_o, first.chance) + (1 - weight) * chanceNormalised(p_s, second.chance),
      ],
    }),
  },
  {
    form: 'pareto',
    means: 'p_s and p_o, neither at the cost of the other',
    argument: /^$/,
    create: (name) => ({ name, names: ['p_s', 'p_o'], values: ({ p_o, p_s }) => [p_s, p_o] }),
  },
  {
    form: 'pareto3',
    means: 'p_s, p_o and before: for paper mode, where before differs',
    argument: /^$/,
    create: (name) => ({
      name,
      names: ['p_s', 'p_o', 'before'],
      values: ({ before, p_o, p_s }) => [p_s, p_o, before],
    }),
  },
  {
    form: 'constrained:X',
    means: 'p_s among those that keep p_o at X times before or more, X from 0 to 1',
    argument: /^(0?\.\d+|0|1(\.0+)?)$/,
    create: (name, share) => ({
      name,
      names: ['p_s'],
      values: ({ p_s }) => [p_s],
      constraints: ({ before, p_o }) => [share * before - p_o],
    }),
  },
];

export const objectiveForms: readonly string[] = kinds.map(({ form }) => form);

/** For help: `form: what it means`. */
export const objectiveHelp: readonly string[] = kinds.map(({ form, means }) => `${form}: ${means}`);

/** @throws ERR_INVALID_OPTION */
export function readObjective(text: string): Objective {
  const [name, ...rest] = text.split(':');
  const argument = rest.join(':');
  const kind = kinds.find(({ form }) => form.split(':')[0] === name);
  if (kind === undefined || !kind.argument.test(argument))
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `objective: expected ${objectiveForms.join(', ')}; received "${text}"`,
      { remedy: 'For example sum, or constrained:0.95' },
    );
  return kind.create(text, Number(argument));
}
