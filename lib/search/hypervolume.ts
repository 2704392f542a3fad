import { dominates, type Losses } from './pareto.ts';

/** Volume that the points dominate within the box below `reference`, exactly, for any number of objectives (While et al., "WFG", IEEE TEC 16, 2012). */
export function hypervolume(points: readonly Losses[], reference: Losses): number {
  const inside = nonDominated(points.filter((point) => point.every((loss, i) => loss < reference[i]!)));
  return volume(inside, reference);
}

function volume(front: readonly Losses[], reference: Losses): number {
  if (front.length === 0) return 0;
  if (front.length === 1) return box(front[0]!, reference);
  if (reference.length === 2) return area(front, reference);
  // The worst in the last objective first: what it shares with the others is small.
  const order = front.toSorted((a, b) => b.at(-1)! - a.at(-1)!);
  return order.reduce((sum, point, i) => sum + exclusive(point, order.slice(i + 1), reference), 0);
}

/** What the volume of `others` grows by with `point`. Both lie below the reference. */
function exclusive(point: Losses, others: readonly Losses[], reference: Losses): number {
  const shared = others.map((other) => other.map((loss, i) => Math.max(loss, point[i]!)));
  return box(point, reference) - volume(nonDominated(shared), reference);
}

function box(point: Losses, reference: Losses): number {
  return point.reduce((product, loss, i) => product * (reference[i]! - loss), 1);
}

/** Of a front in two objectives: a staircase. */
function area(front: readonly Losses[], reference: Losses): number {
  let [sum, top] = [0, reference[1]!];
  for (const [x, y] of front.toSorted((a, b) => a[0]! - b[0]!)) {
    sum += (reference[0]! - x!) * (top - y!);
    top = y!;
  }
  return sum;
}

/** The points that none dominates, each once. */
function nonDominated(points: readonly Losses[]): Losses[] {
  const front: Losses[] = [];
  for (const point of points) {
    if (front.some((other) => dominates(other, point) || other.every((loss, i) => loss === point[i]!))) continue;
    let kept = 0;
    for (const other of front) if (!dominates(point, other)) front[kept++] = other;
    front.length = kept;
    front.push(point);
  }
  return front;
}

/**
 * `count` of the points that together dominate much volume: each next one adds the most to those before. The greedy choice has at least 1 - 1/e of the best subset's volume
 * (Guerreiro et al., EMO 2015). Losses are scaled to the points' range and the reference lies a tenth beyond it.
 *
 * @returns indices, in the order of choice
 */
export function hypervolumeSubset(points: readonly Losses[], count: number): number[] {
  const scaled = toRange(points);
  const reference = (points[0] ?? []).map(() => 1.1);
  const chosen: number[] = [];
  // What a point adds only shrinks as others are chosen, so a stale figure is an upper bound.
  const bound = scaled.map((point) => box(point, reference));
  const fresh = scaled.map(() => 0);
  while (chosen.length < Math.min(count, points.length)) {
    const best = indexOfMaximum(bound);
    if (fresh[best] === chosen.length) {
      chosen.push(best);
      bound[best] = -Infinity;
    } else {
      bound[best] = exclusive(
        scaled[best]!,
        chosen.map((i) => scaled[i]!),
        reference,
      );
      fresh[best] = chosen.length;
    }
  }
  return chosen;
}

function toRange(points: readonly Losses[]): number[][] {
  const axes = (points[0] ?? []).map((_, k) => points.map((point) => point[k]!));
  const low = axes.map((axis) => axis.reduce((a, b) => Math.min(a, b)));
  const width = axes.map((axis, k) => axis.reduce((a, b) => Math.max(a, b)) - low[k]! || 1);
  return points.map((point) => point.map((loss, k) => (loss - low[k]!) / width[k]!));
}

function indexOfMaximum(values: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
