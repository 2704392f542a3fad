/** Comparing points with several objectives. A point is a vector of losses: every objective is minimised. */
import type { Direction } from './space.ts';

export type Losses = readonly number[];

/** Values as losses, all to be minimised. */
export function toLosses(values: readonly number[], directions: readonly Direction[]): number[] {
  return values.map((value, i) => (directions[i] === 'maximize' ? -value : value));
}

/** Whether a is at least as good as b everywhere and better somewhere. */
export function dominates(a: Losses, b: Losses): boolean {
  let better = false;
  for (let i = 0; i < a.length; i++) {
    if (a[i]! > b[i]!) return false;
    if (a[i]! < b[i]!) better = true;
  }
  return better;
}

/**
 * The points' indices in fronts: the first is dominated by none, the second by those of the first only, and so on; ascending within a front.
 * Points are taken in lexicographic order, in which none is dominated by a later one, and put into the first front that does not dominate them, found by bisection
 * (Zhang et al., "ENS", IEEE TEC 19, 2015).
 */
export function nonDominatedSort(points: readonly Losses[]): number[][] {
  const order = points.map((_, i) => i).sort((a, b) => lexicographic(points[a]!, points[b]!) || a - b);
  const fronts: number[][] = [];
  for (const i of order) {
    let [from, to] = [0, fronts.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      // The latest are the nearest, so the likeliest to dominate.
      if (fronts[middle]!.findLastIndex((j) => dominates(points[j]!, points[i]!)) >= 0) from = middle + 1;
      else to = middle;
    }
    if (from === fronts.length) fronts.push([]);
    fronts[from]!.push(i);
  }
  return fronts.map((front) => front.sort((a, b) => a - b));
}

function lexicographic(a: Losses, b: Losses): number {
  for (let i = 0; i < a.length; i++) if (a[i]! !== b[i]!) return a[i]! - b[i]!;
  return 0;
}

/**
 * How much room each point of a front has: the sum over objectives of the gap between its two neighbours, in units of the front's range; infinite at the ends
 * (Deb et al., "NSGA-II", IEEE TEC 6, 2002, section III.B).
 */
export function crowdingDistance(front: readonly Losses[]): number[] {
  const distance = front.map(() => 0);
  const last = front.length - 1;
  for (let k = 0; k < (front[0]?.length ?? 0); k++) {
    const order = front.map((_, i) => i).sort((a, b) => front[a]![k]! - front[b]![k]! || a - b);
    const range = front[order[last]!]![k]! - front[order[0]!]![k]!;
    distance[order[0]!] = distance[order[last]!] = Infinity;
    if (!(range > 0)) continue;
    for (let i = 1; i < last; i++)
      distance[order[i]!]! += (front[order[i + 1]!]![k]! - front[order[i - 1]!]![k]!) / range;
  }
  return distance;
}
