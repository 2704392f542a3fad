import { logErrorOf } from '../log-error.ts';
import { logsOf, type Parameter, type Parametrisation, rateOf, requireValues } from './parametrisation.ts';

/** What differs between parametrisations that work on logarithms. */
export interface Logarithmic {
  readonly name: string;
  readonly groups: number;
  readonly parameters: readonly Parameter[];
  /** Values to the logarithms of the rates. */
  readonly curve: (values: readonly number[]) => ArrayLike<number>;
  /** Logarithms of the rates to the values of the nearest curve. */
  readonly fit: (logs: Float64Array) => readonly number[];
}

/** Adds to a curve and its fit the checks, the limits and the error. */
export function logarithmic({ name, groups, parameters, curve, fit }: Logarithmic): Parametrisation {
  const decode = (values: readonly number[]): Float64Array => {
    requireValues(values, parameters, name);
    return Float64Array.from(curve(values), rateOf);
  };
  return {
    name,
    parameters,
    decode,
    encode: (rates) => {
      const values = fit(logsOf(rates, groups, name));
      return { values, error: logErrorOf(rates, decode(values)) };
    },
  };
}
