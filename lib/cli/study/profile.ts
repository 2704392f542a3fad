/** Rates as a drawing of one line. */
import type { Space } from '../../search/space.ts';

const levels = '▁▂▃▄▅▆▇█';

/** One block for each rate, its height on a logarithmic axis from `low` to `high`; `·` for 0. */
export function profile(rates: readonly number[], [low, high]: readonly [number, number]): string {
  const span = Math.log(high / low);
  return rates
    .map((rate) => {
      if (!(rate > 0)) return '·';
      const share = span > 0 ? Math.log(rate / low) / span : 0.5;
      const level = Math.round(Math.min(Math.max(share, 0), 1) * (levels.length - 1));
      return levels[level]!;
    })
    .join('');
}

/** From the lowest to the highest rate of a space; of one without rates, all that is used. */
export function rateAxis(space: Space): readonly [number, number] {
  const rates = Object.entries(space).flatMap(([name, parameter]) =>
    /^(s[12]_)?lr(_|$)/.test(name) && parameter.kind === 'float' ? [parameter] : [],
  );
  if (rates.length === 0) return [1e-7, 1e-2];
  return [Math.min(...rates.map(({ low }) => low)), Math.max(...rates.map(({ high }) => high))];
}
