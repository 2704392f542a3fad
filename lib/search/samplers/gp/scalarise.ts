import type { Random } from '../../../random.ts';

/** Share of the weighted sum in the augmented Chebyshev function: keeps weakly dominated points from being optimal. */
const augmentation = 0.05;

/**
 * Makes one loss of an observation's. Several objectives are laid on [0, 1] and joined by an augmented Chebyshev function with random weights, other ones for every suggestion, so that the suggestions
 * spread over the Pareto front (ParEGO; Knowles 2006, eq. 2).
 */
export function scalarisation(
  losses: readonly (readonly number[])[],
  random: Random,
): (losses: readonly number[]) => number {
  const objectives = losses[0]?.length ?? 1;
  if (objectives === 1) return ([loss]) => loss!;
  const weights = simplexPoint(objectives, random);
  const ranges = weights.map((_, i) => unitRange(losses.map((row) => row[i]!)));
  return (row) => {
    const terms = weights.map((weight, i) => weight * ranges[i]!(row[i]!));
    return Math.max(...terms) + augmentation * terms.reduce((sum, term) => sum + term, 0);
  };
}

/** Evenly distributed numbers that add up to 1. */
function simplexPoint(count: number, random: Random): readonly number[] {
  const draws = Array.from({ length: count }, () => -Math.log(1 - random.float()));
  const total = draws.reduce((sum, draw) => sum + draw, 0);
  return draws.map((draw) => draw / total);
}

function unitRange(values: readonly number[]): (value: number) => number {
  const low = Math.min(...values);
  const range = Math.max(...values) - low;
  return (value) => (range > 0 ? (value - low) / range : 0);
}
