/** What the kernel depends on besides its points. */
export interface Hyperparameters {
  /** One over the squared length, by dimension: how quickly values change along it. */
  readonly weights: Float64Array;
  /** Variance of the values around their mean. */
  readonly scale: number;
  /** Variance of the noise in each value. */
  readonly noise: number;
}

/**
 * Points are arrays of numbers: first coordinates in [0, 1], then indices of choices, which are either the same or not (distance 0 or 1).
 */
export interface Layout {
  readonly dimensions: number;
  /** The first so many are coordinates. */
  readonly numeric: number;
}

const root5 = Math.sqrt(5);

/** Squared distance of two points along one dimension. */
export function squared(a: Float64Array, b: Float64Array, d: number, { numeric }: Layout): number {
  if (d >= numeric) return a[d] === b[d] ? 0 : 1;
  const difference = a[d]! - b[d]!;
  return difference * difference;
}

export function squaredDistance(a: Float64Array, b: Float64Array, weights: Float64Array, layout: Layout): number {
  let sum = 0;
  for (let d = 0; d < layout.numeric; d++) {
    const difference = a[d]! - b[d]!;
    sum += weights[d]! * difference * difference;
  }
  for (let d = layout.numeric; d < layout.dimensions; d++) if (a[d] !== b[d]) sum += weights[d]!;
  return sum;
}

/** Matern kernel with nu = 5/2 (Rasmussen and Williams 2006, eq. 4.17) as a function of the squared distance. */
export function matern52(squaredDistance: number): number {
  const r = root5 * Math.sqrt(squaredDistance);
  return (1 + r + (r * r) / 3) * Math.exp(-r);
}

/** Its derivative by the squared distance: finite at 0, where the one by the distance is not needed. */
export function matern52Slope(squaredDistance: number): number {
  const r = root5 * Math.sqrt(squaredDistance);
  return (-5 / 6) * (1 + r) * Math.exp(-r);
}

/** Lower triangle of the covariance of noisy values at the points, rows of `stride` numbers. `extra`: a variance of each value beside the noise. */
export function covariance(
  points: readonly Float64Array[],
  { weights, scale, noise }: Hyperparameters,
  layout: Layout,
  stride: number,
  extra?: Float64Array,
): Float64Array {
  const data = new Float64Array(stride * stride);
  points.forEach((a, i) => {
    const row = i * stride;
    for (let j = 0; j < i; j++) data[row + j] = scale * matern52(squaredDistance(a, points[j]!, weights, layout));
    data[row + i] = scale + noise + (extra?.[i] ?? 0);
  });
  return data;
}
