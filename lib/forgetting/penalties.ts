/** Baselines and penalties against forgetting: names, numbers with their defaults, and where they come from. */
import { LrdistError, nearest } from '../errors.ts';

export interface PenaltyNumber {
  readonly name: string;
  readonly value: number;
  readonly least: number;
  /** Excluded where `open`. */
  readonly most?: number;
  readonly open?: boolean;
  /** Whole where it is 1 or more. */
  readonly count?: boolean;
  readonly means: string;
}

export interface PenaltyKind {
  readonly name: string;
  readonly description: string;
  readonly numbers: readonly PenaltyNumber[];
  readonly source: string;
  /** `shared`: differs by replica within one session. `own`: changes the batches, so it takes a session of its own. */
  readonly session: 'shared' | 'own';
  /** The stage it acts from: the first, or the second, when there is an earlier task. Keep mode's first stage has none. */
  readonly from: 1 | 2;
  /** Pulls to the pretrained weights instead of the stage's first ones. */
  readonly pretrained?: boolean;
}

const strength = (name: string, value: number, means: string): PenaltyNumber => ({ name, value, least: 0, means });
const share = (value: number, means: string, least = 0): PenaltyNumber => ({
  name: 'p',
  value,
  least,
  most: 1,
  open: least === 0,
  means,
});

const l2sp = {
  numbers: [
    strength('alpha', 0.1, 'strength of the pull on the body'),
    strength('beta', 0.01, 'strength of the pull of the rest to 0'),
  ],
  source: 'Li, Grandvalet, Davoine: Explicit inductive bias for transfer learning, ICML 2018, arXiv 1802.01483',
  session: 'shared',
  from: 1,
} as const;
const recadam = {
  numbers: [
    strength('gamma', 5000, 'strength of the pull'),
    strength('k', 0.1, 'slope of the annealing'),
    { ...strength('t0', 250, 'step of its middle; below 1 a share of the stage'), count: true },
  ],
  source: 'Chen et al.: Recall and learn, EMNLP 2020, arXiv 2004.12651',
  session: 'shared',
  from: 1,
} as const;
const mixout = {
  numbers: [share(0.7, 'probability of the anchor’s value')],
  source: 'Lee, Cho, Kang: Mixout, ICLR 2020, arXiv 1909.11299',
  session: 'shared',
  from: 1,
} as const;
const childTuning = 'Xu et al.: Raise a child in large language model, EMNLP 2021, arXiv 2109.05687';
const kirkpatrick = 'Kirkpatrick et al.: Overcoming catastrophic forgetting, PNAS 2017, arXiv 1612.00796';

export const penaltyKinds: readonly PenaltyKind[] = [
  {
    name: 'none',
    description: 'plain training',
    numbers: [],
    source: '',
    session: 'shared',
    from: 1,
  },
  { name: 'l2-sp', description: "pull to the stage's first weights", ...l2sp },
  { name: 'l2-sp-pretrained', description: 'pull to the pretrained weights', ...l2sp, pretrained: true },
  {
    name: 'ewc',
    description: 'pull to what each earlier task ended with, by its Fisher information',
    numbers: [strength('lambda', 5000, 'strength of the pull, halved in the loss')],
    source: kirkpatrick,
    session: 'shared',
    from: 2,
  },
  {
    name: 'ewc-online',
    description: 'pull to the last weights, by a decaying sum of Fisher informations',
    numbers: [
      strength('lambda', 5000, 'strength of the pull, halved in the loss'),
      { ...share(1, 'what is left of the older information', 0), name: 'gamma', open: false },
    ],
    source: 'Schwarz et al.: Progress and compress, ICML 2018, arXiv 1805.06370',
    session: 'shared',
    from: 2,
  },
  {
    name: 'ewc-pretrained',
    description: 'pull to the pretrained weights, by their masked-LM Fisher information on given text',
    numbers: [strength('lambda', 1000, 'strength of the pull, not halved')],
    source: 'the code of arXiv 2404.01317',
    session: 'shared',
    from: 1,
    pretrained: true,
  },
  { name: 'recadam', description: "annealed pull to the stage's first weights, outside Adam", ...recadam },
  {
    name: 'recadam-pretrained',
    description: 'annealed pull to the pretrained weights, outside Adam',
    ...recadam,
    pretrained: true,
  },
  { name: 'mixout', description: "neurons of the stage's first weights, drawn anew in every step", ...mixout },
  {
    name: 'mixout-pretrained',
    description: 'neurons of the pretrained weights, drawn anew in every step',
    ...mixout,
    pretrained: true,
  },
  {
    name: 'child-f',
    description: 'a random share of the encoder learns in each step',
    numbers: [share(0.3, 'share that learns', 1e-6)],
    source: childTuning,
    session: 'shared',
    from: 1,
  },
  {
    name: 'child-d',
    description: 'only the share of the encoder with the largest Fisher information on the new task learns',
    numbers: [share(0.3, 'share that learns', 1e-6)],
    source: childTuning,
    session: 'shared',
    from: 1,
  },
  {
    name: 'replay',
    description: 'stored rows of earlier tasks beside each batch',
    numbers: [
      {
        name: 'budget',
        value: 0.01,
        least: 0,
        count: true,
        means: 'rows stored of each earlier task; below 1 a share of its rows',
      },
      strength('weight', 1, 'weight of their mean loss'),
    ],
    source: 'Chaudhry et al.: On tiny episodic memories, 2019, arXiv 1902.10486',
    session: 'own',
    from: 2,
  },
  {
    name: 'lwf',
    description: 'the old heads keep their answers on the new rows (distillation)',
    numbers: [
      strength('lambda', 1, 'weight of the distillation'),
      { ...strength('temperature', 2, 'temperature of the answers'), least: 1e-3 },
    ],
    source: 'Li, Hoiem: Learning without forgetting, ECCV 2016, arXiv 1606.09282',
    session: 'own',
    from: 2,
  },
  {
    name: 'joint',
    description: 'the rows of all tasks so far, mixed: an upper bound',
    numbers: [],
    source: '',
    session: 'own',
    from: 2,
  },
  {
    name: 'frozen',
    description: 'only the heads learn: a lower bound of learning, and nothing is forgotten',
    numbers: [],
    source: '',
    session: 'shared',
    from: 2,
  },
];

export const penaltyNames = penaltyKinds.map(({ name }) => name);

/** A kind by name. @throws ERR_INVALID_OPTION */
export function penaltyKind(name: string): PenaltyKind {
  const kind = penaltyKinds.find((each) => each.name === name);
  if (kind === undefined) throw unknown(name);
  return kind;
}

/** A kind with its numbers. */
export interface Penalty {
  readonly kind: PenaltyKind;
  /** As written: `ewc@1000`. */
  readonly name: string;
  readonly numbers: Readonly<Record<string, number>>;
}

/** What a combination does against forgetting; one for all stages, or one for each (beyond the last, the last). */
export interface StagedPenalty {
  readonly name: string;
  readonly stages: readonly Penalty[];
}

export function penaltyAt({ stages }: StagedPenalty, stage: number): Penalty {
  return stages[Math.min(stage, stages.length - 1)]!;
}

/**
 * `name`, or `name@number,number`, the numbers in the order of the kind's. Different ones by stage are joined by `/`.
 *
 * @throws ERR_INVALID_OPTION
 */
export function parsePenalty(text: string): StagedPenalty {
  const stages = text.split('/').map((part) => parseOne(part.trim()));
  return { name: stages.map(({ name }) => name).join('/'), stages };
}

/** A list with commas; numbers belong to the name before them: `none,l2-sp@0.1,0.01,ewc`. @throws ERR_INVALID_OPTION */
export function parsePenalties(list: string): readonly StagedPenalty[] {
  const entries: string[] = [];
  for (const part of list.split(',').map((each) => each.trim())) {
    // "0.01/ewc" goes on with the numbers, then with the next stage.
    if (entries.length > 0 && isNumber(part.split('/')[0]!)) entries[entries.length - 1] += `,${part}`;
    else entries.push(part);
  }
  return entries.map(parsePenalty);
}

function parseOne(text: string): Penalty {
  const at = text.indexOf('@');
  const name = (at === -1 ? text : text.slice(0, at)).toLowerCase();
  const kind = penaltyKind(name);
  const given = at === -1 ? [] : text.slice(at + 1).split(',');
  if (given.length > kind.numbers.length) {
    const takes = kind.numbers.length === 0 ? 'no number' : kind.numbers.map((number) => number.name).join(', ');
    throw new LrdistError('ERR_INVALID_OPTION', `penalty: ${name} takes ${takes}; received "${text}"`);
  }
  const numbers = Object.fromEntries(
    kind.numbers.map((number, i) => [
      number.name,
      given[i] === undefined ? number.value : checked(kind, number, given[i]),
    ]),
  );
  return { kind, name: at === -1 ? name : `${name}@${given.map((each) => each.trim()).join(',')}`, numbers };
}

function checked(kind: PenaltyKind, number: PenaltyNumber, text: string): number {
  const { name, least, most = Infinity, open = false, count = false } = number;
  const value = isNumber(text) ? Number(text) : NaN;
  const good =
    value >= least &&
    (open ? value < most : value <= most) &&
    (!count || (value > 0 && (value < 1 || Number.isInteger(value))));
  if (good) return value;
  const range = most === Infinity ? `of ${least} or more` : `from ${least} to ${open ? 'below ' : ''}${most}`;
  const expected = count ? 'a whole number above 0, or a share below 1' : `a number ${range}`;
  throw new LrdistError(
    'ERR_INVALID_OPTION',
    `penalty: ${kind.name}: ${name} (${number.means}): expected ${expected}, received "${text.trim()}"`,
    { remedy: `For example ${kind.name}@${kind.numbers.map((each) => each.value).join(',')}, the default.` },
  );
}

function isNumber(text: string): boolean {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text);
}

function unknown(name: string): LrdistError {
  const near = nearest(name, penaltyNames);
  return new LrdistError('ERR_INVALID_OPTION', `penalty: there is no "${name}"; there are ${penaltyNames.join(', ')}`, {
    remedy: near === undefined ? 'Numbers follow a name after "@", as in ewc@1000.' : `Did you mean ${near}?`,
  });
}
