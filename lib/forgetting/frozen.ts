/** A distribution whose heads alone learn. */
import { forLayers } from '../rates/convert.ts';
import { layersOf } from '../rates/depth.ts';
import type { RateDistribution, Rates } from '../rates/distribution.ts';
import { compilePattern } from '../rates/patterns.ts';

/** The same rates for the heads, and rate 0 for the whole body (`bert.*`, pooler included). */
export function withFrozenBody(distribution: RateDistribution, parameters: readonly string[]): RateDistribution {
  const layers = layersOf(parameters);
  const mapped = layers === 0 ? distribution : forLayers(distribution, layers);
  const heads = parameters.filter((name) => !name.startsWith('bert.'));
  const tests = mapped.groups.map(({ match }) => match.map(compilePattern));
  const groupOf = heads.map((name) => tests.findIndex((group) => group.some((test) => test(name))));
  // What claims no head would be empty once the body is taken; leaving it out moves no head to another group.
  const kept = mapped.groups.filter((_, g) => groupOf.includes(g));
  let body = 'frozen body';
  while (kept.some(({ name }) => name === body)) body += '_';
  const only = (values: Rates, value: number): Rates => ({
    [body]: value,
    ...Object.fromEntries(kept.map(({ name }) => [name, values[name]!])),
  });
  return {
    ...mapped,
    groups: [{ name: body, match: ['bert.*'] }, ...kept],
    stages: mapped.stages.map((rates) => only(rates, 0)),
    ...(mapped.phases === undefined
      ? {}
      : { phases: mapped.phases.map(({ from, factors }) => ({ from, factors: only(factors, 1) })) }),
  };
}
