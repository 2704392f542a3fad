import { createRandom } from '../../../lib/random.ts';
import { createSampler } from '../../../lib/search/samplers/create.ts';
import type { Space } from '../../../lib/search/space.ts';
import { completeTrial } from './study.ts';

export interface AskTime {
  readonly sampler: string;
  readonly trials: number;
  readonly dimensions: number;
  /** Processor time of one suggestion, the median of nine after two to warm up. */
  readonly milliseconds: number;
}

/** One suggestion in a large study: rates of 15 groups, with finished trials at random points. */
export function askTime(sampler: string, trials: number, dimensions = 15): AskTime {
  const space: Space = Object.fromEntries(
    Array.from({ length: dimensions }, (_, i) => [`lr_${i}`, { kind: 'float', low: 1e-7, high: 1e-3, log: true }]),
  );
  const request = { space, directions: ['minimize' as const], trials: [], count: trials, random: createRandom(1) };
  const finished = createSampler('random')
    .suggest(request)
    .map((parameters, number) => {
      const away = Object.values(parameters).map((rate, i) => (Math.log10(Number(rate)) + 4 + i / 15) ** 2 / (1 + i));
      return completeTrial(
        number,
        parameters,
        away.reduce((sum, v) => sum + v, 0),
      );
    });
  const times = Array.from({ length: 11 }, (_, i) => {
    const start = cpuSeconds();
    createSampler(sampler).suggest({ ...request, trials: finished, count: 1, random: createRandom(2, i) });
    return 1000 * (cpuSeconds() - start);
  });
  return { sampler, trials, dimensions, milliseconds: times.slice(2).sort((a, b) => a - b)[4]! };
}

/** Processor time of this process so far: what else runs on the machine does not matter. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
