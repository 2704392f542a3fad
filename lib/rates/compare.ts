import { LrdistError } from '../errors.ts';
import { tensorNames } from './cover.ts';
import { ratesAt, type RateDistribution } from './distribution.ts';
import { assign } from './groups.ts';
import { logError, type LogError } from './log-error.ts';

/** A set of tensors to which every one of the compared distributions gives a single rate. */
export interface SharedGroup {
  readonly name: string;
  readonly tensors: number;
  /** Rate by distribution. */
  readonly rates: readonly number[];
}

/**
 * The coarsest groups that refine those of all distributions, in the order of the tensors. A set that is a group of one of them bears its name.
 *
 * @param stage which of the distributions' stages, from 0
 * @throws LrdistError ERR_INVALID_OPTION if they are for different numbers of layers
 */
export function sharedGroups(distributions: readonly RateDistribution[], stage = 0): SharedGroup[] {
  const layers = distributions[0]!.layers;
  const other = distributions.find((each) => each.layers !== layers);
  if (other !== undefined) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `"${distributions[0]!.name}" is for ${layers} layers and "${other.name}" for ${other.layers}`,
      {
        remedy: 'Convert one of them first (lrdist rates convert).',
      },
    );
  }
  const assigned = distributions.map(({ groups }) => assign(tensorNames(layers), groups));
  const rates = distributions.map((each) => ratesAt(each, stage));
  const sets = new Map<string, number[]>();
  for (const p of assigned[0]!.keys()) {
    const key = assigned.map((groups) => groups[p]).join();
    const set = sets.get(key);
    if (set === undefined) sets.set(key, [p]);
    else set.push(p);
  }
  return Array.from(sets.values(), (tensors) => {
    const [first] = tensors;
    const names = assigned.map((groups, k) => distributions[k]!.groups[groups[first!]!]!.name);
    const whole = assigned.findIndex(
      (groups) => groups.filter((group) => group === groups[first!]).length === tensors.length,
    );
    return {
      name: names[whole] ?? [...new Set(names)].join('&'),
      tensors: tensors.length,
      rates: rates.map((list, k) => list[assigned[k]![first!]!]!),
    };
  });
}

export interface Difference {
  readonly groups: readonly (SharedGroup & {
    /** Second over first; undefined where one is frozen. */ readonly ratio: number | undefined;
  })[];
  readonly error: LogError;
  /** Geometric mean of the ratios: how much higher the second lies as a whole. */
  readonly level: number;
  /** What is left when both are brought to the same level. */
  readonly shape: LogError;
}

/** Compares two distributions for the same number of layers, weighted by tensors of the model. */
export function difference(first: RateDistribution, second: RateDistribution, stage = 0): Difference {
  const groups = sharedGroups([first, second], stage).map((group) => {
    const [before, after] = group.rates as [number, number];
    return { ...group, ratio: before === 0 || after === 0 ? undefined : after / before };
  });
  const learning = groups.filter(({ ratio }) => ratio !== undefined);
  const tensors = learning.reduce((sum, group) => sum + group.tensors, 0);
  const level =
    tensors === 0
      ? 1
      : Math.exp(learning.reduce((sum, group) => sum + group.tensors * Math.log(group.ratio!), 0) / tensors);
  const distance = (scale: number): LogError =>
    logError(groups.map(({ rates, tensors: weight }) => ({ before: rates[0]! * scale, after: rates[1]!, weight })));
  return { groups, error: distance(1), level, shape: distance(level) };
}
