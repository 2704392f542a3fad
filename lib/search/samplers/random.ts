import { z } from 'zod';
import type { Random } from '../../random.ts';
import type { Sampler } from '../sampler.ts';
import type { Parameters } from '../space.ts';
import { type UnitCube, unitCube } from '../unit-cube.ts';
import { checkSettings, type SamplerSettings } from './settings.ts';

/** Uniform: on the logarithm where a dimension is logarithmic, over the integers and over the choices. */
export function randomSampler(settings: SamplerSettings = {}): Sampler {
  checkSettings(z.strictObject({}), settings, 'random');
  return {
    name: 'random',
    settings: {},
    suggest({ space, count, random }) {
      const cube = unitCube(space);
      return Array.from({ length: count }, () => randomParameters(cube, random));
    },
  };
}

/** One point, every value as likely as any other. */
export function randomParameters(cube: UnitCube, random: Random): Parameters {
  const unit = cube.numeric.map(() => random.float());
  const choices = cube.categorical.map((dimension) => random.int(dimension.choices.length));
  return cube.toParameters(unit, choices);
}
