import { LrdistError } from '../../errors.ts';
import type { Space } from '../space.ts';
import type { Trial } from '../trial.ts';
import { type UnitCube, unitCube } from '../unit-cube.ts';
import type { Curve, CurvePoint } from './simulated.ts';

/**
 * Curves of recorded trials: for any parameters those of the complete trial that is nearest in the space (as a unit cube, logarithmic where the space is; another choice of a categorical dimension is at
 * distance 1). A step lasts as long as the trial's attribute `seconds` divided by its reports says, or 1.
 *
 * @throws LrdistError ERR_INVALID_OPTION if no complete trial lies in the space
 */
export function recordedCurves(trials: readonly Trial[], space: Space): Curve {
  const cube = unitCube(space);
  const points = trials
    .filter(({ state, parameters }) => state === 'complete' && cube.contains(parameters))
    .map((trial) => ({ curve: curveOf(trial), place: cube.toPoint(trial.parameters) }));
  if (points.length === 0)
    throw new LrdistError('ERR_INVALID_OPTION', 'trials: expected a complete trial within the space, found none');
  return (parameters) => {
    const place = cube.toPoint(parameters);
    let [nearest, least] = [points[0]!, Infinity];
    for (const point of points) {
      const distance = squaredDistance(point.place, place);
      if (distance < least) [nearest, least] = [point, distance];
    }
    return nearest.curve;
  };
}

type Place = ReturnType<UnitCube['toPoint']>;

function squaredDistance(a: Place, b: Place): number {
  let sum = 0;
  a.unit.forEach((value, i) => (sum += (value - b.unit[i]!) ** 2));
  a.choices.forEach((choice, i) => (sum += choice === b.choices[i] ? 0 : 1));
  return sum;
}

function curveOf({ reports, values, attributes }: Trial): readonly CurvePoint[] {
  const whole = typeof attributes.seconds === 'number' ? attributes.seconds : Math.max(reports.length, 1);
  const seconds = whole / Math.max(reports.length, 1);
  if (reports.length === 0) return [{ step: 1, values: values!, seconds }];
  const before = reports.slice(0, -1).map(({ step, values }) => ({ step, values, seconds }));
  return [...before, { step: reports.at(-1)!.step, values: values!, seconds }];
}
