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
  const numeric: NumericDimension[] = [];
  const categorical: CategoricalDimension[] = [];
  for (const [name, parameter] of Object.entries(space)) {
    if (parameter.kind === 'categorical') {
      if (parameter.choices.length > 1) categorical.push({ name, choices: parameter.choices });
    } else if (parameter.low < parameter.high) numeric.push({ name, parameter, cell: cellOf(parameter) });
  }
  return {
    numeric,
    categorical,
    contains: (parameters) => Object.entries(space).every(([name, parameter]) => isWithin(parameters[name], parameter)),
    toPoint: (parameters) => ({
      unit: Float64Array.from(numeric, ({ name, parameter }) => toUnit(parameters[name] as number, parameter)),
      choices: Int32Array.from(categorical, ({ name, choices }) => choices.indexOf(parameters[name]!)),
    }),
    toParameters: (unit, choices) => {
      const values = new Map<string, ParameterValue>();
      numeric.forEach(({ name, parameter }, i) => values.set(name, fromUnit(unit[i]!, parameter)));
      categorical.forEach((dimension, i) => values.set(dimension.name, dimension.choices[choices[i]!]!));
      return Object.fromEntries(
        Object.entries(space).map(([name, parameter]) => [name, values.get(name) ?? onlyValue(parameter)]),
      );
    },
  };
}

/** Where a value of a range lies in [0, 1]. */
export function toUnit(value: number, parameter: FloatParameter | IntParameter): number {
  const [low, high] = edges(parameter);
  if (high <= low) return 0.5;
  return clamp01((scaled(value, parameter) - low) / (high - low));
}

/** The value of a range at a place in [0, 1]; never outside the range. */
export function fromUnit(unit: number, parameter: FloatParameter | IntParameter): number {
  if (unit <= 0) return parameter.low;
  if (unit >= 1) return parameter.high;
  const [low, high] = edges(parameter);
  const at = low + unit * (high - low);
  const value = parameter.log ? Math.exp(at) : at;
  return Math.min(Math.max(parameter.kind === 'int' ? Math.round(value) : value, parameter.low), parameter.high);
}

/** Whether a value is one of a dimension's. */
export function isWithin(value: ParameterValue | undefined, parameter: Space[string]): boolean {
  if (parameter.kind === 'categorical') return value !== undefined && parameter.choices.includes(value);
  if (typeof value !== 'number' || !(value >= parameter.low && value <= parameter.high)) return false;
  return parameter.kind === 'float' || Number.isInteger(value);
}

/** Ends of the range on its own scale; those of integers are half a cell further out. */
function edges(parameter: FloatParameter | IntParameter): readonly [number, number] {
  const half = parameter.kind === 'int' ? 0.5 : 0;
  return [scaled(parameter.low - half, parameter), scaled(parameter.high + half, parameter)];
}

function cellOf(parameter: FloatParameter | IntParameter): number {
  if (parameter.kind === 'float') return 0;
  const [low, high] = edges(parameter);
  return (scaled(parameter.low + 0.5, parameter) - low) / (high - low);
}

function scaled(value: number, parameter: FloatParameter | IntParameter): number {
  return parameter.log ? Math.log(value) : value;
}

function onlyValue(parameter: Space[string]): ParameterValue {
  return parameter.kind === 'categorical' ? parameter.choices[0]! : parameter.low;
}

function clamp01(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}
