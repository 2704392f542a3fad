import type { FloatParameter, IntParameter, Parameters, ParameterValue, Space } from './space.ts';

/** A point of a space as numbers. */
export interface CubePoint {
  /** A coordinate in [0, 1] for each of `UnitCube.numeric`. */
  readonly unit: Float64Array;
  /** The index of the choice for each of `UnitCube.categorical`. */
  readonly choices: Int32Array;
}

export interface NumericDimension {
  readonly name: string;
  readonly parameter: FloatParameter | IntParameter;
  /** How much of [0, 1] stands for one value: 0 for floats; for integers on a logarithmic scale the cell of `low`, the widest. */
  readonly cell: number;
  /** Where a value lies in [0, 1]. */
  readonly toUnit: (value: number) => number;
  /** The value at a place in [0, 1], never outside the range. */
  readonly fromUnit: (unit: number) => number;
}

export interface CategoricalDimension {
  readonly name: string;
  readonly choices: readonly ParameterValue[];
}

/**
 * A space laid on the unit cube: logarithmic ranges are straight, and an integer n is the cell from n - 1/2 to n + 1/2, so that every integer of a linear range has the same share.
 * Categorical dimensions have no order and are kept apart. Dimensions with only one value are in neither list: `toParameters` puts them in.
 */
export interface UnitCube {
  readonly numeric: readonly NumericDimension[];
  readonly categorical: readonly CategoricalDimension[];
  /** Whether there is a value for every dimension, and each lies within it. What lies outside has no point. */
  contains(parameters: Parameters): boolean;
  /** The point of parameters that the space contains; an integer is the middle of its cell. */
  toPoint(parameters: Parameters): CubePoint;
  /** The parameters at a point, in the order of the space. Coordinates outside [0, 1] are moved to its edge. */
  toParameters(unit: ArrayLike<number>, choices: ArrayLike<number>): Parameters;
}

export function unitCube(space: Space): UnitCube {
  const entries = Object.entries(space);
  const numeric: NumericDimension[] = [];
  const categorical: CategoricalDimension[] = [];
  for (const [name, parameter] of entries) {
    if (parameter.kind === 'categorical') {
      if (parameter.choices.length > 1) categorical.push({ name, choices: parameter.choices });
    } else if (parameter.low < parameter.high) numeric.push(numericDimension(name, parameter));
  }
  return {
    numeric,
    categorical,
    contains: (parameters) => entries.every(([name, parameter]) => isWithin(parameters[name], parameter)),
    toPoint(parameters) {
      const point = { unit: new Float64Array(numeric.length), choices: new Int32Array(categorical.length) };
      numeric.forEach(({ name, toUnit }, i) => (point.unit[i] = toUnit(parameters[name] as number)));
      categorical.forEach(({ name, choices }, i) => (point.choices[i] = choices.indexOf(parameters[name]!)));
      return point;
    },
    toParameters(unit, choices) {
      const values = new Map<string, ParameterValue>();
      numeric.forEach(({ name, fromUnit }, i) => values.set(name, fromUnit(unit[i]!)));
      categorical.forEach((dimension, i) => values.set(dimension.name, dimension.choices[choices[i]!]!));
      return Object.fromEntries(entries.map(([name, parameter]) => [name, values.get(name) ?? onlyValue(parameter)]));
    },
  };
}

function numericDimension(name: string, parameter: FloatParameter | IntParameter): NumericDimension {
  const isInt = parameter.kind === 'int';
  // Integers reach half a cell further on both sides.
  const low = scaled(parameter.low - (isInt ? 0.5 : 0), parameter);
  const width = scaled(parameter.high + (isInt ? 0.5 : 0), parameter) - low;
  return {
    name,
    parameter,
    cell: isInt ? (scaled(parameter.low + 0.5, parameter) - low) / width : 0,
    toUnit: (value) => clamp((scaled(value, parameter) - low) / width, 0, 1),
    fromUnit(unit) {
      if (unit <= 0) return parameter.low;
      if (unit >= 1) return parameter.high;
      const at = low + unit * width;
      const value = parameter.log ? Math.exp(at) : at;
      return clamp(isInt ? Math.round(value) : value, parameter.low, parameter.high);
    },
  };
}

/** Whether a value is one of a dimension's. */
export function isWithin(value: ParameterValue | undefined, parameter: Space[string]): boolean {
  if (parameter.kind === 'categorical') return value !== undefined && parameter.choices.includes(value);
  if (typeof value !== 'number' || !(value >= parameter.low && value <= parameter.high)) return false;
  return parameter.kind === 'float' || Number.isInteger(value);
}

function scaled(value: number, parameter: FloatParameter | IntParameter): number {
  return parameter.log ? Math.log(value) : value;
}

function onlyValue(parameter: Space[string]): ParameterValue {
  return parameter.kind === 'categorical' ? parameter.choices[0]! : parameter.low;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
