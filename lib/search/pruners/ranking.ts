import { crowdingDistance, type Losses, nonDominatedSort } from '../pareto.ts';
import type { PruneRequest } from '../pruner.ts';
import type { Trial } from '../trial.ts';
import { lossesAt } from './reports.ts';

/** The order within a front of trials that do not dominate each other. */
export type Spread = 'crowding' | 'epsilon-net';

/** Numbers of the `count` best of trials that all have reported at the request's step; of equal ones the earlier trial is better. */
export function bestOf(
  trials: readonly Trial[],
  { step, directions }: Pick<PruneRequest, 'step' | 'directions'>,
  count: number,
  spread: Spread = 'crowding',
): ReadonlySet<number> {
  const worst = directions.map(() => Infinity);
  const ordered = [...trials].sort((a, b) => a.number - b.number);
  const losses = ordered.map((trial) => lossesAt(trial, step, directions) ?? worst);
  return new Set(
    ranking(losses, spread)
      .slice(0, count)
      .map((i) => ordered[i]!.number),
  );
}

/** Indices from best to worst: by front, and within a front by how much a point adds to the spread; ties by index. */
export function ranking(losses: readonly Losses[], spread: Spread): number[] {
  return nonDominatedSort(losses).flatMap((front) => {
    const points = front.map((i) => losses[i]!);
    // With one objective those of a front are equal.
    if (points[0]!.length === 1) return front;
    const order = spread === 'crowding' ? byCrowding(points) : epsilonNet(points);
    return order.map((i) => front[i]!);
  });
}

function byCrowding(points: readonly Losses[]): number[] {
  const distance = crowdingDistance(points);
  return points.map((_, i) => i).sort((a, b) => compare(distance[b]!, distance[a]!) || a - b);
}

/**
 * The point that is best in the first objective, then ever the one that is farthest from all that were taken (Salinas et al. 2021, arXiv 2106.05680, on objectives scaled to the front's range).
 */
function epsilonNet(points: readonly Losses[]): number[] {
  const scaled = toUnitRange(points);
  const left = points.map((_, i) => i);
  const order: number[] = [];
  const nearest = points.map(() => Infinity);
  while (left.length > 0) {
    const next = left.reduce((best, i) => (better(i, best) ? i : best));
    order.push(next);
    left.splice(left.indexOf(next), 1);
    for (const i of left) nearest[i] = Math.min(nearest[i]!, distance(scaled[i]!, scaled[next]!));
  }
  return order;

  function better(i: number, best: number): boolean {
    return order.length === 0 ? scaled[i]![0]! < scaled[best]![0]! : nearest[i]! > nearest[best]!;
  }
}

function toUnitRange(points: readonly Losses[]): number[][] {
  const objectives = points[0]!.map((_, k) => points.map((point) => point[k]!));
  const ends = objectives.map((values) => [Math.min(...values), Math.max(...values)] as const);
  return points.map((point) =>
    point.map((value, k) => {
      const [low, high] = ends[k]!;
      return high > low ? (value - low) / (high - low) : 0;
    }),
  );
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, k) => value - b[k]!));
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
