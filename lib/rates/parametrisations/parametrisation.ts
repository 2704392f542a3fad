import { LrdistError } from '../../errors.ts';
import { MAX_RATE } from '../distribution.ts';
import type { LogError } from '../log-error.ts';

/** One number of a parametrisation, as a dimension of a search space. */
export interface Parameter {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  /** Whether the range is to be searched on a logarithmic scale. */
  readonly log: boolean;
}

export interface Encoded {
  readonly values: readonly number[];
  /** Of decode(values) from the rates that were to be encoded, every group with the same weight. */
  readonly error: LogError;
}

/**
 * A way to write the rates of a list of groups with a few numbers. `decode` takes any finite numbers (those with `log` above 0), not only those within the search
 * range, and gives rates above 0, but for groups that are frozen on purpose. `encode` finds the numbers that come nearest in log space.
 */
export interface Parametrisation {
  /** As createParametrisation reads it. */
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** [parameters] to [groups] */
  readonly decode: (values: readonly number[]) => Float64Array;
  /** @throws LrdistError ERR_RATES_ENCODE for rates that it cannot come near to at all, such as frozen groups */
  readonly encode: (rates: ArrayLike<number>) => Encoded;
}

/** The groups that rates are for. */
export interface Layout {
  readonly names: readonly string[];
  /** Mean depth of each group: 0 = embeddings, k + 1 = layer k, layers + 1 = heads. */
  readonly depths: readonly number[];
}

/** Search range of a rate, as in arXiv 2404.01317. */
export const RATE_RANGE = { low: 1e-7, high: 1e-3, log: true } as const;

/** A rate below this is nothing that training could tell from 0, but 0 would mean frozen. */
export const MIN_RATE = 1e-12;

/** exp, kept within rates that can be used, so that no number, however large, decodes to a frozen group or an infinite rate. */
export function rateOf(logarithm: number): number {
  return Math.min(Math.max(Math.exp(logarithm), MIN_RATE), MAX_RATE);
}

/** Natural logarithms of rates above 0. */
export function logsOf(rates: ArrayLike<number>, groups: number, name: string): Float64Array {
  if (rates.length !== groups)
    throw new LrdistError('ERR_RATES_ENCODE', `"${name}" is for ${groups} groups, received ${rates.length} rates`);
  return Float64Array.from(rates, (rate, g) => {
    if (!(rate > 0 && rate <= MAX_RATE)) {
      throw new LrdistError(
        'ERR_RATES_ENCODE',
        `"${name}" cannot express the rate ${rate} of group ${g + 1} of ${groups}`,
        {
          remedy:
            rate === 0
              ? 'Frozen groups have no logarithm: wrap the parametrisation with withFrozen.'
              : `Rates lie above 0 and at most at ${MAX_RATE}.`,
        },
      );
    }
    return Math.log(rate);
  });
}

/** Checks what is to be decoded. */
export function requireValues(values: readonly number[], parameters: readonly Parameter[], name: string): void {
  if (values.length !== parameters.length)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `"${name}" takes ${parameters.length} numbers, received ${values.length}`,
    );
  for (const [i, { name: parameter, log }] of parameters.entries()) {
    const value = values[i]!;
    if (!Number.isFinite(value) || (log && value <= 0))
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `"${name}": ${parameter}: expected a number${log ? ' above 0' : ''}, received ${value}`,
      );
  }
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}
