/** A rate and how far those it is the mean of are spread: one standard deviation of their logarithms to either side. */
export interface Mean {
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

/**
 * exp(sum w ln(rate) / sum w), and the band of the weighted standard deviation. Without `weights`, all weigh the same and the deviation is a sample's
 * (divided by n - 1). Equal rates give exactly that rate with no band, 0 (frozen) included; otherwise all rates are above 0.
 */
export function geometricMean(rates: readonly number[], weights?: readonly number[]): Mean {
  const first = rates[0]!;
  // exp(log(x)) is not x to the last bit, and a constant has to stay one.
  if (rates.every((rate) => rate === first)) return { rate: first, low: first, high: first };
  const logs = rates.map(Math.log);
  const weight = (i: number): number => weights?.[i] ?? 1;
  const total = rates.reduce((sum, _, i) => sum + weight(i), 0);
  const center = logs.reduce((sum, log, i) => sum + weight(i) * log, 0) / total;
  const squares = logs.reduce((sum, log, i) => sum + weight(i) * (log - center) ** 2, 0);
  const deviation = Math.sqrt(squares / (weights === undefined ? total - 1 : total));
  // Nor may rounding carry the mean beyond the rates themselves.
  const rate = Math.min(Math.max(Math.exp(center), Math.min(...rates)), Math.max(...rates));
  return { rate, low: rate * Math.exp(-deviation), high: rate * Math.exp(deviation) };
}
