import { LrdistError } from '../../errors.ts';
import { logarithmic } from './logarithmic.ts';
import { type Layout, mean, type Parametrisation, RATE_RANGE } from './parametrisation.ts';

/** Beyond this tanh is 1 to the last bit. */
const FULL = 18;

/**
 * Rates that change by at most a factor of `ratio` from one group to the next. lr is their geometric mean; each step is ln(ratio) tanh of a number, so
 * every list of numbers is such a profile. Steeper rates are encoded as the nearest profile within the bound.
 *
 * @param ratio above 1
 */
export function boundedRates({ names }: Layout, ratio: number): Parametrisation {
  if (!(ratio > 1 && ratio <= 1e6))
    throw new LrdistError('ERR_INVALID_OPTION', `bounded: expected a ratio above 1, received ${ratio}`);
  const bound = Math.log(ratio);
  return logarithmic({
    name: `bounded:${ratio}`,
    groups: names.length,
    parameters: [
      { name: 'lr', ...RATE_RANGE },
      ...names.slice(1).map((_, i) => ({ name: `slope_${i + 1}`, low: -2, high: 2, log: false })),
    ],
    curve: ([rate, ...slopes]) => {
      let sum = 0;
      const logs = [0, ...slopes.map((slope) => (sum += bound * Math.tanh(slope)))];
      const level = Math.log(rate!) - mean(logs);
      return logs.map((value) => value + level);
    },
    fit: (logs) => {
      const near = withinSlopes(logs, bound);
      const slopes = Array.from(near.subarray(1), (value, i) => {
        const share = Math.min(Math.max((value - near[i]!) / bound, -1), 1);
        return Math.min(Math.max(Math.atanh(share), -FULL), FULL);
      });
      return [Math.exp(mean(logs)), ...slopes];
    },
  });
}

/** Nearest list, in least squares, whose neighbours differ by at most `bound`: Dykstra's projections onto one neighbourhood after the other. */
function withinSlopes(values: Float64Array, bound: number): Float64Array {
  const x = Float64Array.from(values);
  const corrections = new Float64Array(Math.max(0, x.length - 1));
  for (let round = 0; round < 5000; round++) {
    let moved = 0;
    for (let i = 0; i < corrections.length; i++) {
      // Half of what is too much, taken from one neighbour and given to the other.
      const gap = x[i + 1]! - x[i]! + 2 * corrections[i]!;
      const excess = (gap - Math.min(Math.max(gap, -bound), bound)) / 2;
      const change = excess - corrections[i]!;
      x[i]! += change;
      x[i + 1]! -= change;
      corrections[i] = excess;
      moved = Math.max(moved, Math.abs(change));
    }
    if (moved < 1e-13) break;
  }
  return x;
}
