import { logarithmic } from './logarithmic.ts';
import { type Layout, mean, type Parametrisation, RATE_RANGE } from './parametrisation.ts';

/** lr x decay^(depth below the highest group): layer-wise decay, with a decay above 1 for rates that rise towards the input. */
export function geometricRates({ names, depths }: Layout): Parametrisation {
  const top = Math.max(...depths);
  const below = depths.map((depth) => top - depth);
  return logarithmic({
    name: 'geometric',
    groups: names.length,
    parameters: [
      { name: 'lr', ...RATE_RANGE },
      { name: 'decay', low: 0.5, high: 1.2, log: true },
    ],
    curve: ([rate, decay]) => below.map((distance) => Math.log(rate!) + distance * Math.log(decay!)),
    fit: (logs) => {
      // The regression line of the logarithms over the distance; one depth alone has no slope.
      const centre = mean(below);
      const level = mean(logs);
      let products = 0;
      let squares = 0;
      for (const [g, distance] of below.entries()) {
        products += (distance - centre) * (logs[g]! - level);
        squares += (distance - centre) ** 2;
      }
      const slope = squares === 0 ? 0 : products / squares;
      return [Math.exp(level - slope * centre), Math.exp(slope)];
    },
  });
}
