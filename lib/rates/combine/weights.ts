import { LrdistError } from '../../errors.ts';

/** The paper's base: the best trial weighs 1.8 times the second, and about 0.44 of all. */
export const WEIGHT_BASE = 1.8;

export interface WeightOptions {
  /** A trial of rank a (0 = best) weighs base^-a. At least 1; 1 gives all trials the same weight. Default 1.8. */
  readonly weightBase?: number;
  /** Ranks that count. Default: all. */
  readonly top?: number;
}

/**
 * Weight of each trial by the rank of its score, higher being better; the weights add up to 1. Tied trials share the mean weight of their ranks, so
 * the order of the trials never matters.
 *
 * @param scores [trials], finite
 * @throws LrdistError ERR_INVALID_OPTION for a base below 1, or a `top` that is not a whole number above 0
 */
export function rankWeights(scores: readonly number[], options: WeightOptions = {}): number[] {
  const { weightBase, top } = checkWeightOptions(options);
  const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!);
  const weights = new Array<number>(scores.length).fill(0);
  let total = 0;
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && tied(scores[order[end - 1]!]!, scores[order[end]!]!)) end++;
    let sum = 0;
    for (let rank = first; rank < end; rank++) sum += rank < top ? weightBase ** -rank : 0;
    for (let rank = first; rank < end; rank++) weights[order[rank]!] = sum / (end - first);
    total += sum;
    first = end;
  }
  return weights.map((weight) => weight / total);
}

/** Number of equally weighted trials that would vary as little (Kish): 1 / sum of squared weights. */
export function effectiveCount(weights: readonly number[]): number {
  return 1 / weights.reduce((sum, weight) => sum + weight * weight, 0);
}

/** Sums of the same accuracies may differ in their last bits (0.8 + 0.9 and 0.85 + 0.85). */
function tied(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}

export function checkWeightOptions({
  weightBase = WEIGHT_BASE,
  top = Infinity,
}: WeightOptions): Required<WeightOptions> {
  if (!(weightBase >= 1 && Number.isFinite(weightBase)))
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `weight_base: expected a number of at least 1, received ${weightBase}`,
      {
        remedy: 'The paper takes 1.8; 1 gives every trial the same weight.',
      },
    );
  if (top !== Infinity && !(Number.isInteger(top) && top >= 1))
    throw new LrdistError('ERR_INVALID_OPTION', `top: expected a whole number above 0, received ${top}`, {
      remedy: 'Leave it out to use all trials.',
    });
  return { weightBase, top };
}
