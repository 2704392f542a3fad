import { logarithmic } from './logarithmic.ts';
import { type Layout, mean, type Parametrisation, RATE_RANGE } from './parametrisation.ts';

/** One rate for all groups: the geometric mean. */
export function flatRates({ names }: Layout): Parametrisation {
  return logarithmic({
    name: 'flat',
    groups: names.length,
    parameters: [{ name: 'lr', ...RATE_RANGE }],
    curve: ([rate]) => names.map(() => Math.log(rate!)),
    fit: (logs) => [Math.exp(mean(logs))],
  });
}
