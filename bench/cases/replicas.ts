import type { BenchCase, BenchOptions, Precision } from '../lib/case.ts';
import { interleave, spreads, valuesOf } from '../lib/interleave.ts';
import { modelFolder, stepsOf } from '../lib/models.ts';
import { roundSeeds, shownAll } from '../lib/programs.ts';
import type { Measurement } from '../lib/results.ts';
import type { Side } from '../lib/side.ts';
import { spread } from '../lib/statistics.ts';
import { ratesOf, secondsOf, trialSide } from '../lib/trials.ts';

const counts = [1, 2, 4, 8, 16] as const;
/** The first steps touch fresh memory. */
const untimed = 2;

/** Steps of K flat distributions side by side: what one of them costs. */
export const replicas: BenchCase = {
  name: 'replicas',
  summary: `time per trial with ${counts.join(', ')} side by side`,
  defaults: { steps: 4, rounds: 3, models: ['minilm', 'bert-tiny'] },
  async *run(options, log) {
    for (const name of options.models)
      for (const precision of options.precisions) yield await measure(name, precision, options, log);
  },
};

async function measure(
  name: string,
  precision: Precision,
  options: BenchOptions,
  log: (line: string) => void,
): Promise<Measurement> {
  const { threads, rounds, batch, work } = options;
  const task = options.tasks[0]!;
  const model = await modelFolder(name, options);
  const setting = { model, task, batch, threads, precision, work, untimed };
  const steps = untimed + stepsOf(name, options.steps);
  const seeds = roundSeeds(rounds, options.seeds);
  const sides = (round: number): Side[] =>
    counts.map((count) => trialSide(`${count}`, ratesOf('flat', count), { ...setting, steps }, seeds[round]!));
  const found = await interleave(rounds, sides, (side, round, document) =>
    log(`${name}, ${side.name} side by side, round ${round + 1} of ${rounds}: ${milliseconds(secondsOf(document))}`),
  );
  const seconds = valuesOf(found, secondsOf);
  const of = (count: number): number[] => seconds[`${count}`]!;
  const flatness = spread(seeds.map((_, i) => ends(counts.map((count) => of(count)[i]!))));
  return {
    variant: `${name}-${precision}`,
    headline: `a step of one trial takes ${counts
      .map((count) => milliseconds(spread(of(count)).median))
      .join(', ')} with ${counts.join(', ')} side by side (least and most differ by ${percent(flatness.median)})`,
    flatness,
    secondsPerTrial: spreads(seconds),
    /** Of one trial's time with so many side by side over its time alone. */
    toAlone: Object.fromEntries(counts.map((count) => [count, spread(of(count).map((s, i) => s / of(1)[i]!))])),
    commands: shownAll(sides(0), work),
    seeds,
    settings: { model: name, task, batch, threads, precision, rounds, steps, untimed, counts },
  };
}

/** By how much the greatest is above the least. */
function ends(values: readonly number[]): number {
  return Math.max(...values) / Math.min(...values) - 1;
}

const milliseconds = (seconds: number): string => `${(1000 * seconds).toFixed(1)} ms`;
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
