import type { Direction } from '../../space.ts';
import { isFinished, type Trial } from '../../trial.ts';
import type { UnitCube } from '../../unit-cube.ts';

/** A trial the model learns from. */
export interface Observation {
  readonly point: Float64Array;
  /** By objective, all to be minimised. */
  readonly losses: readonly number[];
  readonly constraints: readonly number[] | null;
}

/**
 * Complete trials with finite values. Of the pruned ones those that were scored at the last step that any complete trial reported: earlier scores are of another quantity, and are left out.
 */
export function observations(
  trials: readonly Trial[],
  directions: readonly Direction[],
  cube: UnitCube,
): readonly Observation[] {
  const lastStep = Math.max(...trials.filter(({ state }) => state === 'complete').map(lastReport));
  return trials
    .filter(({ state, reports }) => state === 'complete' || (state === 'pruned' && reports.at(-1)?.step === lastStep))
    .filter(({ values }) => values?.length === directions.length && values.every(Number.isFinite))
    .filter(({ parameters }) => cube.contains(parameters))
    .map((trial) => ({
      point: pointOf(trial, cube),
      losses: trial.values!.map((value, i) => (directions[i] === 'maximize' ? -value : value)),
      constraints: trial.constraints,
    }));
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
