import type { Direction } from '../../space.ts';
import { isFinished, type Trial } from '../../trial.ts';
import type { UnitCube } from '../../unit-cube.ts';
import { type Curve, forecaster } from './forecast.ts';

/** A trial the model learns from. */
export interface Observation {
  readonly point: Float64Array;
  /** By objective, all to be minimised. */
  readonly losses: readonly number[];
  /** Of each loss, beside the noise that all have, where they are a forecast; null where they were seen. */
  readonly deviations: readonly number[] | null;
  readonly constraints: readonly number[] | null;
}

/**
 * Complete and pruned trials with finite values. Of the pruned ones those that were scored at the last step that any complete trial reported count as they are. The others were not seen at their end: they count with a
 * forecast of it and a deviation (see `forecaster`), so that the model knows where trials were given up, and does not take early scores for late ones.
 */
export function observations(
  trials: readonly Trial[],
  directions: readonly Direction[],
  cube: UnitCube,
): readonly Observation[] {
  const usable = trials.filter(
    ({ state, values, parameters }) =>
      (state === 'complete' || state === 'pruned') &&
      values?.length === directions.length &&
      values.every(Number.isFinite) &&
      cube.contains(parameters),
  );
  const toLosses = (values: readonly number[]) =>
    values.map((value, i) => (directions[i] === 'maximize' ? -value : value));
  const curves = usable.map((trial) => curveOf(trial, toLosses));
  const forecast = forecaster(curves);
  const lastStep = Math.max(...usable.filter(({ state }) => state === 'complete').map(lastReport));
  return usable.map((trial, i) => {
    const losses = toLosses(trial.values!);
    const wasSeen = trial.state === 'complete' || lastReport(trial) === lastStep;
    const end = wasSeen ? { losses, deviations: null } : forecast(curves[i]!.at(-1)!);
    return { point: pointOf(trial, cube), ...end, constraints: trial.constraints };
  });
}

/** A pruned trial's values are those of its last report. */
function curveOf({ state, reports, values }: Trial, toLosses: (values: readonly number[]) => readonly number[]): Curve {
  const reported = reports.map(({ step, values: scores }) => ({ step, losses: toLosses(scores) }));
  if (state === 'complete') return [...reported, { step: Infinity, losses: toLosses(values!) }];
  return reported.length > 0 ? reported : [{ step: 0, losses: toLosses(values!) }];
}

/** Where others are looking already. */
export function pendingPoints(trials: readonly Trial[], cube: UnitCube): readonly Float64Array[] {
  return trials
    .filter((trial) => !isFinished(trial) && cube.contains(trial.parameters))
    .map((trial) => pointOf(trial, cube));
}

function lastReport({ reports }: Trial): number {
  return reports.at(-1)?.step ?? Number.NEGATIVE_INFINITY;
}

export function pointOf({ parameters }: Pick<Trial, 'parameters'>, cube: UnitCube): Float64Array {
  const { unit, choices } = cube.toPoint(parameters);
  return Float64Array.from([...unit, ...choices]);
}
