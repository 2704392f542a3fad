import { LrdistError } from '../../errors.ts';
import { leastSquares } from './least-squares.ts';
import { logarithmic } from './logarithmic.ts';
import { type Layout, type Parametrisation, RATE_RANGE } from './parametrisation.ts';

/**
 * log rate = log lr + c1 T1(x) + c2 T2(x) + ..., x = depth scaled to [-1, 1], T = Chebyshev polynomials (each between -1 and 1, so a coefficient
 * of 1 is a factor of e at most).
 *
 * @param degree 1 up to the number of different depths less one
 */
export function polynomialRates({ names, depths }: Layout, degree: number): Parametrisation {
  const different = new Set(depths).size;
  if (!Number.isInteger(degree) || degree < 1 || degree >= different) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `polynomial: expected a degree from 1 to ${different - 1} for groups at ${different} depths, received ${degree}`,
    );
  }
  const low = Math.min(...depths);
  const high = Math.max(...depths);
  const basis = depths.map((depth) => chebyshev((2 * (depth - low)) / (high - low) - 1, degree));
  return logarithmic({
    name: `polynomial:${degree}`,
    groups: names.length,
    parameters: [
      { name: 'lr', ...RATE_RANGE },
      ...Array.from({ length: degree }, (_, i) => ({ name: `c${i + 1}`, low: -3, high: 3, log: false })),
    ],
    curve: ([rate, ...coefficients]) =>
      basis.map((terms) =>
        terms.reduce((sum, term, i) => sum + term * (i === 0 ? Math.log(rate!) : coefficients[i - 1]!), 0),
      ),
    fit: (logs) => {
      // Full rank: there are more depths than coefficients.
      const [level, ...coefficients] = leastSquares(basis, logs)!;
      return [Math.exp(level!), ...coefficients];
    },
  });
}

/** T0(x) ... Tdegree(x). */
function chebyshev(x: number, degree: number): number[] {
  const terms = [1, x];
  for (let i = 2; i <= degree; i++) terms.push(2 * x * terms[i - 1]! - terms[i - 2]!);
  return terms;
}
