import { LrdistError } from '../../errors.ts';
import { logErrorOf } from '../log-error.ts';
import type { Layout, Parametrisation } from './parametrisation.ts';

/** The groups that are not frozen, for the parametrisation that withFrozen wraps. */
export function learningLayout({ names, depths }: Layout, frozen: readonly boolean[]): Layout {
  return { names: names.filter((_, g) => !frozen[g]), depths: depths.filter((_, g) => !frozen[g]) };
}

/** Rates of 0 for some groups, and another parametrisation for the rest of them. */
export function withFrozen(inner: Parametrisation, frozen: readonly boolean[]): Parametrisation {
  const decode = (values: readonly number[]): Float64Array => {
    const rates = inner.decode(values);
    let next = 0;
    return Float64Array.from(frozen, (isFrozen) => (isFrozen ? 0 : rates[next++]!));
  };
  return {
    name: `${inner.name} with ${frozen.filter(Boolean).length} frozen`,
    parameters: inner.parameters,
    decode,
    encode: (rates) => {
      const wrong = Array.from(rates).findIndex((rate, g) => (rate === 0) !== frozen[g]);
      if (rates.length !== frozen.length || wrong !== -1) {
        throw new LrdistError(
          'ERR_RATES_ENCODE',
          `other groups are frozen than the parametrisation freezes${wrong === -1 ? '' : `: group ${wrong + 1} has the rate ${rates[wrong]}`}`,
          {
            remedy: 'Freeze exactly the groups whose rate is 0.',
          },
        );
      }
      const { values } = inner.encode(Array.from(rates).filter((rate) => rate !== 0));
      return { values, error: logErrorOf(rates, decode(values)) };
    },
  };
}
