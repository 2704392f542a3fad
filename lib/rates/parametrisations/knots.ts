import { LrdistError } from '../../errors.ts';
import { type Interpolation, linear, monotone } from './interpolate.ts';
import { leastSquares } from './least-squares.ts';
import { logarithmic } from './logarithmic.ts';
import { type Layout, type Parametrisation, RATE_RANGE } from './parametrisation.ts';

const kinds = { knots: linear, spline: monotone } as const satisfies Record<string, Interpolation>;

/**
 * Rates at a few depths, and between them a curve of the logarithms: straight lines (`knots`) or a shape-preserving cubic
 * (`spline`). The knots are spread evenly over the groups, the first and the last at its ends.
 *
 * @param count 1 up to the number of different depths, where every group has its own
 */
export function knotRates(
  { names, depths }: Layout,
  count: number,
  kind: keyof typeof kinds = 'knots',
): Parametrisation {
  const different = [...new Set(depths)].sort((a, b) => a - b);
  if (!Number.isInteger(count) || count < 1 || count > different.length) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `${kind}: expected 1 to ${different.length} knots for groups at ${different.length} depths, received ${count}`,
    );
  }
  const x = knotDepths(different, count);
  const curve = (values: readonly number[], interpolation: Interpolation): number[] =>
    depths.map(interpolation(x, values));
  // Rows of the linear curve's matrix: the value at each depth when one knot is 1 and the others 0.
  const hats = x.map((_, k) =>
    curve(
      x.map((__, other) => Number(other === k)),
      linear,
    ),
  );
  const matrix = depths.map((_, g) => hats.map((hat) => hat[g]!));
  return logarithmic({
    name: `${kind}:${count}`,
    groups: names.length,
    parameters: x.map((_, k) => ({ name: `lr_knot_${k}`, ...RATE_RANGE })),
    curve: (values) => curve(values.map(Math.log), kinds[kind]),
    fit: (logs) => {
      // Full rank: the knots are at least one group apart.
      const start = leastSquares(matrix, logs)!;
      const values = kind === 'knots' ? start : refine(start, logs, (knots) => curve(knots, monotone));
      return values.map(Math.exp);
    },
  });
}

/** Knot k of m lies where group k (n - 1) / (m - 1) of n lies, between two groups in proportion. */
function knotDepths(depths: readonly number[], count: number): number[] {
  if (count === 1) return [depths[0]!];
  return Array.from({ length: count }, (_, k) => {
    const place = (k * (depths.length - 1)) / (count - 1);
    const i = Math.min(Math.floor(place), depths.length - 2);
    return depths[i]! + (place - i) * (depths[i + 1]! - depths[i]!);
  });
}

/** Gauss-Newton with halved steps from the linear fit; never worse than where it starts. */
function refine(
  start: readonly number[],
  target: Float64Array,
  curve: (values: readonly number[]) => readonly number[],
): readonly number[] {
  const residual = (values: readonly number[]): number[] => curve(values).map((value, g) => target[g]! - value);
  const cost = (values: readonly number[]): number => residual(values).reduce((sum, value) => sum + value * value, 0);
  let best = start;
  let bestCost = cost(start);
  for (let round = 0; round < 20 && bestCost > 1e-24; round++) {
    const at = curve(best);
    const columns = best.map((_, k) =>
      curve(best.map((value, other) => (other === k ? value + 1e-6 : value))).map(
        (value, g) => (value - at[g]!) / 1e-6,
      ),
    );
    const step = leastSquares(
      at.map((_, g) => columns.map((column) => column[g]!)),
      residual(best),
    );
    if (step === undefined) break;
    let moved = false;
    for (let length = 1; length > 1e-3; length /= 2) {
      const next = best.map((value, k) => value + length * step[k]!);
      const nextCost = cost(next);
      if (nextCost < bestCost * (1 - 1e-12)) {
        best = next;
        bestCost = nextCost;
        moved = true;
        break;
      }
    }
    if (!moved) break;
  }
  return best;
}
