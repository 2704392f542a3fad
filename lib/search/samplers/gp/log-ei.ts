import { erfcx } from '../../normal.ts';
import { logNormalCdf, peakDensity } from './normal-cdf.ts';

const c1 = Math.log(2 * Math.PI) / 2;
const c2 = Math.log(Math.PI / 2) / 2;

/**
 * log(phi(z) + z Phi(z)): the expected improvement in units of the deviation, z deviations away from what is to be improved on, with its derivative.
 * Exact where the improvement itself is far too small for a number (Ament et al. 2023, arXiv 2310.20708, eq. 9).
 */
export function logImprovement(z: number): readonly [value: number, slope: number] {
  if (z > -1) {
    const cdf = Math.exp(logNormalCdf(z));
    const improvement = peakDensity * Math.exp(-0.5 * z * z) + z * cdf;
    return [Math.log(improvement), cdf / improvement];
  }
  // All of it times exp(z^2 / 2).
  const scaled = erfcx(-z * Math.SQRT1_2);
  const log = z > -50 ? log1mexp(Math.log(scaled * -z) + c2) : farOut(z);
  return [log - 0.5 * z * z - c1, 0.5 * scaled * Math.exp(c1 - log)];
}

/** log(1 - exp(x)) for x < 0 without cancellation (Maechler 2012). */
function log1mexp(x: number): number {
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
}

/** The asymptotic series of log(1 - z * Mills ratio): at -50 its next term is below 1e-14. */
function farOut(z: number): number {
  const t = 1 / (z * z);
  return Math.log(t) + Math.log1p(-3 * t * (1 - 5 * t * (1 - 7 * t * (1 - 9 * t))));
}
