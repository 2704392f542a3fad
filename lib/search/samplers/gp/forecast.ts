/** A step of a trial and its losses there; the end of a complete trial is at the step Infinity. */
export interface Mark {
  readonly step: number;
  readonly losses: readonly number[];
}

/** A trial's marks, by step; at least one. */
export type Curve = readonly Mark[];

export interface Forecast {
  readonly losses: readonly number[];
  /** Of each loss: how far the trial's end may well be from it. */
  readonly deviations: readonly number[];
}

/** What is still to come from a step on, for each loss. */
interface Change {
  readonly mean: readonly number[];
  readonly variance: readonly number[];
}

/**
 * Where trials that were ended early would have got to: their last losses, and the mean change of other trials from that step to their end. Where none of these came to its end, it goes by the furthest that one
 * came, and on from there. The variance of the changes is as if one more had been seen that was as far off as losses there are apart, so that few trials give a wide forecast; it adds up on the way. From a step
 * beyond which nobody went nothing is known: the losses stay, with the variance of all.
 */
export function forecaster(curves: readonly Curve[]): (last: Mark) => Forecast {
  const known = new Map<number, Change>();
  const changeFrom = (step: number, objectives: number): Change => {
    const found = known.get(step);
    if (found !== undefined) return found;
    const next = furthest(step, curves);
    const change = next === undefined ? unknownChange(curves, objectives) : changeBetween(step, next, curves);
    const whole = next === undefined || next === Infinity ? change : joined(change, changeFrom(next, objectives));
    known.set(step, whole);
    return whole;
  };
  return ({ step, losses }) => {
    const { mean, variance } = changeFrom(step, losses.length);
    return { losses: losses.map((loss, i) => loss + mean[i]!), deviations: variance.map(Math.sqrt) };
  };
}

/** The last step that a trial reached which was seen at `step`, too. */
function furthest(step: number, curves: readonly Curve[]): number | undefined {
  const last = Math.max(...curves.filter((curve) => markAt(step, curve)).map((curve) => curve.at(-1)!.step));
  return last > step ? last : undefined;
}

function changeBetween(from: number, to: number, curves: readonly Curve[]): Change {
  const pairs = curves.flatMap((curve) => {
    const [before, after] = [markAt(from, curve), markAt(to, curve)];
    return before && after ? [[before, after] as const] : [];
  });
  const changes = pairs.map(([before, after]) => after.losses.map((loss, i) => loss - before.losses[i]!));
  const there = curves.flatMap((curve) => markAt(to, curve) ?? []);
  const own = changes[0]!.map((_, i) => changes.map((change) => change[i]!));
  return {
    mean: own.map(meanOf),
    variance: own.map((list, i) => {
      const spread = varianceOf(there.map(({ losses }) => losses[i]!));
      return ((list.length - 1) * varianceOf(list) + spread) / list.length;
    }),
  };
}

function unknownChange(curves: readonly Curve[], objectives: number): Change {
  const last = curves.map((curve) => curve.at(-1)!.losses);
  const each = Array.from({ length: objectives }, (_, i) => last.map((losses) => losses[i]!));
  return { mean: each.map(() => 0), variance: each.map(varianceOf) };
}

function joined(a: Change, b: Change): Change {
  const sum = (one: readonly number[], other: readonly number[]) => one.map((v, i) => v + other[i]!);
  return { mean: sum(a.mean, b.mean), variance: sum(a.variance, b.variance) };
}

function markAt(step: number, curve: Curve): Mark | undefined {
  return curve.find((mark) => mark.step === step);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

/** Of the values around their mean; 0 for fewer than two. */
function varianceOf(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = meanOf(values);
  return values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1);
}
