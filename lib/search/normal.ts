import type { Random } from '../random.ts';

/**
 * Chebyshev coefficients of (1 + 2x) exp(x^2) erfc(x) in (x - 3.75) / (x + 3.75), for x >= 0: the form of Shepherd and Laframboise (Math. Comp. 36, 1981), computed with 40 digits
 * (`test/unit/search/samplers-a/make_fixtures.py`). What is left out is below 1e-17.
 */
const ERFCX = [
  1.1775789345674017541, -0.0045900545806464773309, -0.084249133366517915584, 0.059209939998191890498,
  -0.026658668435305752277, 0.0090749976707052650939, -0.0024131635404176081909, 0.00049077583652580863229,
  -0.000069169733025012063671, 4.1390279860730101675e-6, 7.7403830661984906686e-7, -2.1886401049234395661e-7,
  1.0764999465670910377e-8, 4.5219598112182868979e-9, -7.7544002088313511065e-10, -6.3180883408866844944e-11,
  2.8687950109306698981e-11, 1.945586854577734723e-13, -9.6546967484334389059e-13, 3.2525481481487398415e-14,
  3.3478119482868053878e-14, -1.8645628804193131015e-15, -1.2507950530688647085e-15, 7.418235256624043463e-17,
  5.0681489047961113168e-17,
];

/** exp(x^2) erfc(x) for x >= 0, to about 15 digits. */
export function erfcx(x: number): number {
  const t = 1 - 7.5 / (x + 3.75);
  let [b1, b2] = [0, 0];
  for (let i = ERFCX.length - 1; i > 0; i--) {
    const b0 = 2 * t * b1 - b2 + ERFCX[i]!;
    b2 = b1;
    b1 = b0;
  }
  return (t * b1 - b2 + ERFCX[0]!) / (1 + 2 * x);
}

/** Probability that a standard normal number is above x >= 0. */
function upperTail(x: number): number {
  return 0.5 * Math.exp(-0.5 * x * x) * erfcx(x * Math.SQRT1_2);
}

/** Probability that a standard normal number is below x. */
export function normalCdf(x: number): number {
  return x > 0 ? 1 - upperTail(x) : upperTail(-x);
}

/** Logarithm of the probability that a standard normal number lies between a and b > a; right in the far tails too. */
export function logNormalMass(a: number, b: number): number {
  if (a <= 0 && b >= 0) return Math.log1p(-upperTail(-a) - upperTail(b));
  const [near, far] = a > 0 ? [a, b] : [-b, -a];
  const beyond = Math.exp(0.5 * (near - far) * (near + far)) * erfcx(far * Math.SQRT1_2);
  return -0.5 * near * near + Math.log(0.5 * (erfcx(near * Math.SQRT1_2) - beyond));
}

/** A standard normal number (Marsaglia's polar method). */
export function randomNormal(random: Random): number {
  for (;;) {
    const [u, v] = [2 * random.float() - 1, 2 * random.float() - 1];
    const square = u * u + v * v;
    if (square > 0 && square < 1) return u * Math.sqrt((-2 * Math.log(square)) / square);
  }
}
