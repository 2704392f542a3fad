/** Curves through points at ascending `x`, constant beyond the ends. */
export type Interpolation = (x: readonly number[], y: readonly number[]) => (at: number) => number;

/** Straight lines from point to point. */
export const linear: Interpolation = (x, y) => (at) => {
  const { i, t, h } = place(x, at);
  return h === 0 ? y[i]! : y[i]! * (1 - t) + y[i + 1]! * t;
};

/**
 * The cubic of Fritsch and Carlson (SIAM J. Numer. Anal. 17, 1980) with Butland's harmonic-mean slopes: smooth, and between two
 * points never above the higher or below the lower of them.
 */
export const monotone: Interpolation = (x, y) => {
  const slopes = slopesOf(x, y);
  return (at) => {
    const { i, t, h } = place(x, at);
    if (h === 0) return y[i]!;
    const u = 1 - t;
    const value =
      u * u * (1 + 2 * t) * y[i]! + t * t * (1 + 2 * u) * y[i + 1]! + h * t * u * (u * slopes[i]! - t * slopes[i + 1]!);
    // Rounding could step over the ends by a bit.
    return Math.min(Math.max(value, Math.min(y[i]!, y[i + 1]!)), Math.max(y[i]!, y[i + 1]!));
  };
};

/** Interval that holds `at`, the way through it from 0 to 1, and its length; length 0 at and beyond the last point. */
function place(x: readonly number[], at: number): { i: number; t: number; h: number } {
  const last = x.length - 1;
  if (at >= x[last]!) return { i: last, t: 0, h: 0 };
  if (at <= x[0]!) return { i: 0, t: 0, h: 0 };
  const i = x.findLastIndex((knot) => knot <= at);
  const h = x[i + 1]! - x[i]!;
  return { i, t: (at - x[i]!) / h, h };
}

function slopesOf(x: readonly number[], y: readonly number[]): number[] {
  const n = x.length;
  if (n < 2) return new Array<number>(n).fill(0);
  const h = Array.from({ length: n - 1 }, (_, i) => x[i + 1]! - x[i]!);
  const d = h.map((length, i) => (y[i + 1]! - y[i]!) / length);
  if (n === 2) return [d[0]!, d[0]!];
  const inner = (i: number): number => {
    const [a, b] = [d[i - 1]!, d[i]!];
    if (a * b <= 0) return 0;
    const w1 = 2 * h[i]! + h[i - 1]!;
    const w2 = h[i]! + 2 * h[i - 1]!;
    return (w1 + w2) / (w1 / a + w2 / b);
  };
  // One-sided estimate of three points, held back where it would overshoot.
  const end = (h0: number, h1: number, d0: number, d1: number): number => {
    const slope = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
    if (slope * d0 <= 0) return 0;
    return d0 * d1 <= 0 && Math.abs(slope) > 3 * Math.abs(d0) ? 3 * d0 : slope;
  };
  return [
    end(h[0]!, h[1]!, d[0]!, d[1]!),
    ...Array.from({ length: n - 2 }, (_, i) => inner(i + 1)),
    end(h[n - 2]!, h[n - 3]!, d[n - 2]!, d[n - 3]!),
  ];
}
