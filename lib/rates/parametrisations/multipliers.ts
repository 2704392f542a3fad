import { logarithmic } from './logarithmic.ts';
import { type Layout, mean, type Parametrisation, RATE_RANGE } from './parametrisation.ts';

/** lr x multiplier of each group. The multipliers count relative to their geometric mean, so lr is the geometric mean of the rates. */
export function multiplierRates({ names }: Layout): Parametrisation {
  return logarithmic({
    name: 'multipliers',
    groups: names.length,
    parameters: [
      { name: 'lr', ...RATE_RANGE },
      ...names.map((group) => ({ name: `multiplier_${group}`, low: 0.03, high: 30, log: true })),
    ],
    curve: ([rate, ...multipliers]) => {
      const logs = multipliers.map(Math.log);
      const level = Math.log(rate!) - mean(logs);
      return logs.map((value) => level + value);
    },
    fit: (logs) => {
      const level = mean(logs);
      return [Math.exp(level), ...Array.from(logs, (value) => Math.exp(value - level))];
    },
  });
}

/**
 * A fixed shape times a base, which is the only number: what `name@base` moves.
 *
 * @param multipliers one for each group, above 0
 */
export function scaledRates({ names }: Layout, multipliers: readonly number[]): Parametrisation {
  const shape = multipliers.map(Math.log);
  return logarithmic({
    name: 'scaled',
    groups: names.length,
    parameters: [{ name: 'lr', ...RATE_RANGE }],
    curve: ([rate]) => shape.map((value) => Math.log(rate!) + value),
    fit: (logs) => [Math.exp(mean(logs.map((value, g) => value - shape[g]!)))],
  });
}
