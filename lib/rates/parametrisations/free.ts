import { logarithmic } from './logarithmic.ts';
import { type Layout, type Parametrisation, RATE_RANGE } from './parametrisation.ts';

/** A rate of its own for every group, named as the columns of a trial table. */
export function freeRates({ names }: Layout): Parametrisation {
  return logarithmic({
    name: 'free',
    groups: names.length,
    parameters: names.map((group) => ({ name: `lr_${group}`, ...RATE_RANGE })),
    curve: (values) => values.map(Math.log),
    fit: (logs) => Array.from(logs, Math.exp),
  });
}
