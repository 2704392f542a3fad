import type { Random } from '../../../random.ts';

/** Share of the weighted sum in the augmented Chebyshev function: keeps weakly dominated points from being optimal. */
const augmentation = 0.05;

/**
 * One loss for each observation. Several objectives are laid on [0, 1] and joined by an augmented Chebyshev function with random weights, other ones for every suggestion, so that the suggestions
 * spread over the Pareto front (ParEGO; Knowles 2006, eq. 2).
 */
export function scalarise(losses: readonly (readonly number[])[], random: Random): Float64Array {
  const objectives = losses[0]?.length ?? 1;
  if (objectives === 1) return Float64Array.from(losses, ([loss]) => loss!);
  const weights = simplexPoint(objectives, random);
  const columns = weights.map((_, i) => unitRange(losses.map((row) => row[i]!)));
  return Float64Array.from(losses, (_, row) => {
    const terms = weights.map((weight, i) => weight * columns[i]![row]!);
    return Math.max(...terms) + augmentation * terms.reduce((sum, term) => sum + term, 0);
  });
}

/** Evenly distributed numbers that add up to 1. */
function simplexPoint(count: number, random: Random): readonly number[] {
  const draws = Array.from({ length: count }, () => -Math.log(1 - random.float()));
  const total = draws.reduce((sum, draw) => sum + draw, 0);
  return draws.map((draw) => draw / total);
}

function unitRange(values: readonly number[]): readonly number[] {
  const low = Math.min(...values);
  const range = Math.max(...values) - low;
  return values.map((value) => (range > 0 ? (value - low) / range : 0));
}
