import { normalCdf } from '../normal.ts';

/** Up to so many differences other than 0 the distribution is exact. */
const MOST_EXACT = 50;

/**
 * Wilcoxon's signed-rank test, one-sided: how likely differences at least as far above 0 as these are, if they were symmetric about 0. Zeros share their ranks between both sides (SciPy's `zsplit`).
 * Exact over all signs, ties included, for up to 50 differences; else the normal approximation with ties' correction.
 *
 * @returns the probability; 1 where there is no difference
 */
export function signedRankP(differences: readonly number[]): number {
  const ranks = midRanks(differences.map(Math.abs));
  const signed = ranks.filter((_, i) => differences[i] !== 0);
  if (signed.length === 0) return 1;
  const zeros = sum(ranks.filter((_, i) => differences[i] === 0));
  const positive = sum(ranks.filter((_, i) => differences[i]! > 0));
  if (signed.length <= MOST_EXACT) return exactP(signed, positive);
  const mean = sum(ranks) / 2;
  const deviation = Math.sqrt(sum(signed.map((rank) => rank ** 2)) / 4);
  return normalCdf((mean - positive - zeros / 2) / deviation);
}

/** Share of all signs whose positive ranks sum to at least `positive`. Ranks are halves, so sums are counted in halves. */
function exactP(ranks: readonly number[], positive: number): number {
  const doubled = ranks.map((rank) => Math.round(2 * rank));
  let shares = new Float64Array(sum(doubled) + 1);
  shares[0] = 1;
  for (const rank of doubled) {
    const next = shares.map((share) => share / 2);
    for (let total = rank; total < shares.length; total++) next[total]! += shares[total - rank]! / 2;
    shares = next;
  }
  return sum(shares.subarray(Math.round(2 * positive)));
}

/** Ranks from 1; equal values share the mean of theirs. */
function midRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) ranks[order[i]!] = (from + 1 + to) / 2;
    from = to;
  }
  return ranks;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
