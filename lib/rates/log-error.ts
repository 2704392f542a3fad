/** How far apart two sets of learning rates are, as natural logarithms of their ratios: 0.1 is about 10 %. */
export interface LogError {
  /** Root of the weighted mean square. */
  readonly rms: number;
  /** Largest absolute one. */
  readonly max: number;
  /** Share of the weight that is frozen (rate 0) on one side only. It has no logarithm and is in neither number. */
  readonly frozen: number;
}

export interface RatePair {
  readonly before: number;
  readonly after: number;
  readonly weight: number;
}

export function logError(pairs: readonly RatePair[]): LogError {
  let total = 0;
  let counted = 0;
  let frozen = 0;
  let squares = 0;
  let max = 0;
  for (const { before, after, weight } of pairs) {
    total += weight;
    if ((before === 0) !== (after === 0)) frozen += weight;
    // Equal rates differ by exactly nothing, both frozen too.
    const distance = before === after || before === 0 || after === 0 ? 0 : Math.abs(Math.log(after / before));
    if ((before === 0) === (after === 0)) {
      counted += weight;
      squares += weight * distance * distance;
      max = Math.max(max, distance);
    }
  }
  return { rms: counted === 0 ? 0 : Math.sqrt(squares / counted), max, frozen: total === 0 ? 0 : frozen / total };
}

/** logError of two equally long lists, every entry with the same weight. */
export function logErrorOf(before: ArrayLike<number>, after: ArrayLike<number>): LogError {
  return logError(Array.from(before, (rate, i) => ({ before: rate, after: after[i]!, weight: 1 })));
}
