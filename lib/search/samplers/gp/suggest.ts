import type { Random } from '../../../random.ts';
import type { UnitCube } from '../../unit-cube.ts';
import { acquisition, type Improvement } from './acquisition.ts';
import type { Layout } from './kernel.ts';
import { type Effort, maximise } from './maximise.ts';
import { believe, fitModel, type Model, predictMean, standardise } from './model.ts';
import type { Observation } from './observations.ts';
import { powerTransform } from './power.ts';
import { scalarisation } from './scalarise.ts';

export interface Task {
  readonly cube: UnitCube;
  /** At least two. */
  readonly seen: readonly Observation[];
  readonly pending: readonly Float64Array[];
  readonly count: number;
  /** Points that the acquisition is looked at, at most. */
  readonly candidates: number;
  readonly random: Random;
}

/** Points one after the other, each in view of those before it. */
export function suggestPoints(task: Task): readonly Float64Array[] {
  const { cube, seen, count, random } = task;
  const effort = effortFor(seen.length, task.candidates);
  const believed = [...task.pending];
  const limits = constraintModels(task);
  let model = believed.reduce(believe, objectiveModel(task));
  const chosen: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    // Another scalarisation for each suggestion; with one objective the first model serves all.
    if (i > 0)
      model = isSingle(seen) ? believe(model, believed.at(-1)!) : believed.reduce(believe, objectiveModel(task));
    const constraints = limits.map((limit) => believed.reduce(believe, limit));
    const ranked = feasiblePoints(model, seen, constraints);
    const improvement: Improvement | undefined = ranked[0] && { model, incumbent: ranked[0].mean };
    const known = ranked.slice(0, 3).map(({ point }) => point);
    const point = maximise(acquisition(improvement, constraints), cube, known, effort, random);
    chosen.push(point);
    believed.push(point);
  }
  return chosen;
}

interface Ranked {
  readonly point: Float64Array;
  readonly mean: number;
}

/** Points of the model where the constraints held, or are believed to hold, by their expected value. Forecasts are nothing to improve on, unless there is nothing else. */
function feasiblePoints(model: Model, seen: readonly Observation[], constraints: readonly Model[]): readonly Ranked[] {
  const onlyForecasts = seen.every(({ deviations }) => deviations !== null);
  const isFeasible = (point: Float64Array, i: number) =>
    i < seen.length
      ? (onlyForecasts || seen[i]!.deviations === null) &&
        (seen[i]!.constraints?.every((value) => value <= 0) ?? constraints.length === 0)
      : constraints.every((limit) => predictMean(limit, point) * limit.spread + limit.centre <= 0);
  return model.points
    .filter(isFeasible)
    .map((point) => ({ point, mean: predictMean(model, point) }))
    .sort((a, b) => a.mean - b.mean);
}

function objectiveModel({ cube, seen, pending, count, random }: Task): Model {
  const join = scalarisation(
    seen.map(({ losses }) => losses),
    random,
  );
  const joined = Float64Array.from(seen, ({ losses }) => join(losses));
  const { standard, centre, spread } = standardise(joined);
  const transform = powerTransform(standard);
  const valueOf = (losses: readonly number[]) => transform((join(losses) - centre) / spread);
  const data = {
    points: seen.map(({ point }) => point),
    values: Float64Array.from(seen, ({ losses }) => valueOf(losses)),
    extra: Float64Array.from(seen, (each) => forecastVariance(each, valueOf)),
  };
  return fitModel(data, layoutOf(cube), pending.length + count, random);
}

/** On the model's scale, from a deviation below to one above. */
function forecastVariance({ losses, deviations }: Observation, valueOf: (losses: readonly number[]) => number): number {
  if (deviations === null) return 0;
  const [low, high] = [-1, 1].map((side) => valueOf(losses.map((loss, i) => loss + side * deviations[i]!)));
  return ((high! - low!) / 2) ** 2;
}

/** One for each constraint, from the trials that have it. */
function constraintModels({ cube, seen, pending, count, random }: Task): readonly Model[] {
  const number = Math.max(0, ...seen.map(({ constraints }) => constraints?.length ?? 0));
  return Array.from({ length: number }, (_, c) => {
    const having = seen.filter(({ constraints }) => Number.isFinite(constraints?.[c]));
    const values = Float64Array.from(having, ({ constraints }) => constraints![c]!);
    const points = having.map(({ point }) => point);
    return fitModel({ points, values }, layoutOf(cube), pending.length + count, random);
  });
}

function isSingle(seen: readonly Observation[]): boolean {
  return seen[0]!.losses.length === 1;
}

function layoutOf({ numeric, categorical }: UnitCube): Layout {
  return { dimensions: numeric.length + categorical.length, numeric: numeric.length };
}

/** A look at the acquisition costs n^2 / 2 and some 30 n operations: fewer looks with many trials, so that the time of a suggestion is bounded. */
function effortFor(trials: number, candidates: number): Effort {
  const affordable = Math.round(5e7 / (0.5 * trials * trials + 30 * trials));
  return { candidates: Math.min(candidates, Math.max(affordable, 64)), starts: 8, iterations: 40 };
}
