import { z } from 'zod';
import { LrdistError } from '../../errors.ts';
import type { Sampler } from '../sampler.ts';
import type { Parameter, ParameterValue, Space } from '../space.ts';
import type { Trial } from '../trial.ts';
import { unitCube } from '../unit-cube.ts';
import { checkSettings, type SamplerSettings } from './settings.ts';

const schema = z.strictObject({
  levels: z.int().min(2).max(1000).default(5),
});

/** Points of the largest grid. */
export const GRID_LIMIT = 100_000;

/**
 * All combinations, the last dimension changing quickest; those that trials have already had are left out until all have been had, then it begins again.
 *
 * Settings: `levels` (default 5) of a float, evenly spaced from low to high on its scale; of an integer too, where its range holds more. Categories have all of their choices.
 */
export function gridSampler(settings: SamplerSettings = {}): Sampler {
  const { levels } = checkSettings(schema, settings, 'grid');
  return {
    name: 'grid',
    settings: { levels },
    suggest({ space, trials, count }) {
      const axes = Object.entries(space).map(([name, parameter]) => ({ name, values: levelsOf(parameter, levels) }));
      const size = axes.reduce((product, { values }) => product * values.length, 1);
      requireSmall(size, space);
      const visits = countVisits(axes, size, trials);
      return Array.from({ length: count }, () => {
        const next = leastVisited(visits);
        visits[next]!++;
        return combination(axes, next);
      });
    },
  };
}

interface Axis {
  readonly name: string;
  readonly values: readonly ParameterValue[];
}

function requireSmall(size: number, space: Space): void {
  if (size <= GRID_LIMIT) return;
  throw new LrdistError(
    'ERR_INVALID_OPTION',
    `sampler grid: ${Object.keys(space).length} dimensions have ${size} combinations, more than ${GRID_LIMIT}`,
    {
      remedy:
        'Use fewer levels or dimensions, or the sampler sobol, which fills a space evenly with any number of points.',
    },
  );
}

function levelsOf(parameter: Parameter, levels: number): readonly ParameterValue[] {
  if (parameter.kind === 'categorical') return parameter.choices;
  const { kind, low, high } = parameter;
  if (low === high) return [low];
  if (kind === 'int' && high - low < levels) return Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const { fromUnit } = unitCube({ parameter }).numeric[0]!;
  return [...new Set(Array.from({ length: levels }, (_, i) => fromUnit(i / (levels - 1))))];
}

/** How many trials of any kind each combination has had. */
function countVisits(axes: readonly Axis[], size: number, trials: readonly Trial[]): Int32Array {
  const visits = new Int32Array(size);
  for (const { parameters } of trials) {
    let at = 0;
    for (const { name, values } of axes) {
      const level = values.indexOf(parameters[name]!);
      at = level < 0 ? -Infinity : at * values.length + level;
    }
    if (at >= 0) visits[at]!++;
  }
  return visits;
}

function leastVisited(visits: Int32Array): number {
  return visits.indexOf(visits.reduce((a, b) => Math.min(a, b)));
}

function combination(axes: readonly Axis[], index: number): Record<string, ParameterValue> {
  const values = new Map<string, ParameterValue>();
  let rest = index;
  for (const axis of axes.toReversed()) {
    values.set(axis.name, axis.values[rest % axis.values.length]!);
    rest = Math.floor(rest / axis.values.length);
  }
  return Object.fromEntries(axes.map(({ name }) => [name, values.get(name)!]));
}
