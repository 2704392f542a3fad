import { createRandom, type Random } from '../../random.ts';

export interface Clusters {
  /** [k x columns] */
  readonly centres: readonly Float64Array[];
  /** Cluster of each row. */
  readonly assignment: Uint8Array;
  /** Sum of squared distances to the centres. */
  readonly inertia: number;
}

const restarts = 10;
const mostRounds = 300;

/**
 * K-means (Lloyd 1982) from k-means++ starts (Arthur and Vassilvitskii 2007): the best of ten, seeded. Larger clusters come first.
 *
 * @param rows all of the same length
 */
export function kMeans(rows: readonly ArrayLike<number>[], k: number, seed: number): Clusters {
  let best: Clusters | undefined;
  for (let i = 0; i < restarts; i++) {
    const found = lloyd(rows, start(rows, k, createRandom(seed, i)));
    if (best === undefined || found.inertia < best.inertia) best = found;
  }
  return bySize(best!);
}

/** The nearest centre of each row; of equals the first. */
export function nearestCentres(rows: readonly ArrayLike<number>[], centres: readonly ArrayLike<number>[]): Uint8Array {
  return Uint8Array.from(rows, (row) => nearestOf(row, centres).index);
}

function nearestOf(row: ArrayLike<number>, centres: readonly ArrayLike<number>[]): { index: number; distance: number } {
  let index = 0;
  let distance = Infinity;
  for (const [c, centre] of centres.entries()) {
    const d = squaredDistance(row, centre);
    if (d < distance) [index, distance] = [c, d];
  }
  return { index, distance };
}

function squaredDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}

/** The first centre by chance, each next one with a chance in proportion to its squared distance from those there are. */
function start(rows: readonly ArrayLike<number>[], k: number, random: Random): Float64Array[] {
  const centres = [Float64Array.from(rows[random.int(rows.length)]!)];
  while (centres.length < k) {
    const distances = rows.map((row) => nearestOf(row, centres).distance);
    let left = random.float() * distances.reduce((sum, d) => sum + d, 0);
    const chosen = distances.findIndex((d) => (left -= d) < 0);
    centres.push(Float64Array.from(rows[chosen === -1 ? random.int(rows.length) : chosen]!));
  }
  return centres;
}

function lloyd(rows: readonly ArrayLike<number>[], centres: Float64Array[]): Clusters {
  let assignment = nearestCentres(rows, centres);
  for (let round = 0; round < mostRounds; round++) {
    // A cluster that lost its rows keeps its centre.
    centres = centres.map((centre, c) => meanOf(rows, assignment, c) ?? centre);
    const next = nearestCentres(rows, centres);
    const settled = next.every((c, i) => c === assignment[i]);
    assignment = next;
    if (settled) break;
  }
  const inertia = rows.reduce((sum, row, i) => sum + squaredDistance(row, centres[assignment[i]!]!), 0);
  return { centres, assignment, inertia };
}

function meanOf(rows: readonly ArrayLike<number>[], assignment: Uint8Array, cluster: number): Float64Array | undefined {
  const sum = new Float64Array(rows[0]!.length);
  let count = 0;
  for (const [i, row] of rows.entries()) {
    if (assignment[i] !== cluster) continue;
    count += 1;
    for (let j = 0; j < sum.length; j++) sum[j]! += row[j]!;
  }
  return count === 0 ? undefined : sum.map((value) => value / count);
}

function bySize({ centres, assignment, inertia }: Clusters): Clusters {
  const sizes = centres.map((_, c) => assignment.filter((each) => each === c).length);
  const order = sizes.map((_, c) => c).sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  const place = order.map((_, c) => order.indexOf(c));
  return { centres: order.map((c) => centres[c]!), assignment: assignment.map((c) => place[c]!), inertia };
}
