import type { BenchCase, BenchOptions, Precision } from '../lib/case.ts';
import { interleave, valuesOf } from '../lib/interleave.ts';
import { modelFolder } from '../lib/models.ts';
import { ownStep, roundSeeds, shownAll } from '../lib/programs.ts';
import type { Measurement } from '../lib/results.ts';
import { number, type Side } from '../lib/side.ts';
import { spread } from '../lib/statistics.ts';

const sizes = [1024, 2048, 4096, 8192] as const;
const tokensOfRow: Readonly<Record<string, number>> = { mrpc: 53, sst2: 13 };
/** Micro-batches summed before one update. The difference to a single one is forward and backward alone; what is left of a step is the optimizer. */
const many = 3;
const untimed = 2;

/** Time per token of steps of different sizes; forward and backward apart from the optimizer, whose time does not depend on the tokens. */
export const scaling: BenchCase = {
  name: 'scaling',
  summary: 'time per token from 1,024 to 8,192 tokens a step, the optimizer apart',
  defaults: { steps: 6, rounds: 3 },
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
  const { threads, rounds, work, steps } = options;
  const task = options.tasks[0]!;
  const length = tokensOfRow[task];
  if (length === undefined)
    throw new Error(`scaling: expected a task of ${Object.keys(tokensOfRow).join(', ')}, received ${task}`);
  const model = await modelFolder(name, options);
  const seeds = roundSeeds(rounds, options.seeds);
  const sides = (round: number): Side[] =>
    sizes.flatMap((size) =>
      [1, many].map((accumulation) => {
        const batch = Math.round(size / length);
        const setting = { model, task, batch, steps: steps + untimed, untimed, threads, precision, work };
        return { ...ownStep(setting, seeds[round]!, { accumulation }), name: sideName(size, accumulation) };
      }),
    );
  const found = await interleave(rounds, sides, (side, round, document) =>
    log(`${name} ${side.name}, round ${round + 1} of ${rounds}: ${perStep(document).toFixed(3)} s a step`),
  );
  const seconds = valuesOf(found, perStep);
  const tokens = valuesOf(found, (document) => number(document, 'timed_tokens') / number(document, 'timed_steps'));
  const perToken = Object.fromEntries(sizes.map((size) => [size, between(size, seconds, tokens)]));
  const optimizer = sizes.flatMap((size) =>
    seconds[sideName(size, 1)]!.map((one, i) => one - perToken[size]![i]! * tokens[sideName(size, 1)]![i]!),
  );
  const flatness = spread(seeds.map((_, i) => ends(sizes.map((size) => perToken[size]![i]!))));
  return {
    variant: `${name}-${precision}`,
    headline: `forward and backward take ${sizes
      .map((size) => `${(1e6 * spread(perToken[size]!).median).toFixed(1)} µs`)
      .join(
        ', ',
      )} a token at ${sizes.join(', ')} tokens a step (least and most differ by ${(100 * flatness.median).toFixed(0)} %); the optimizer takes ${(1000 * spread(optimizer).median).toFixed(1)} ms a step`,
    microsecondsPerToken: Object.fromEntries(sizes.map((size) => [size, spread(perToken[size]!.map((s) => 1e6 * s))])),
    optimizerMilliseconds: spread(optimizer.map((s) => 1000 * s)),
    flatness,
    commands: shownAll(sides(0), work),
    seeds,
    settings: { model: name, task, threads, precision, rounds, steps, untimed, sizes },
    seconds,
    tokens,
  };
}

const sideName = (size: number, accumulation: number): string => `${size} tokens, ${accumulation} a step`;

function perStep(document: Record<string, unknown>): number {
  return number(document, 'timed_seconds') / number(document, 'timed_steps');
}

/** Seconds a token by the difference of steps of many micro-batches and of one, in each round. */
function between(size: number, seconds: Record<string, number[]>, tokens: Record<string, number[]>): number[] {
  const [one, more] = [sideName(size, 1), sideName(size, many)];
  return seconds[one]!.map((least, i) => (seconds[more]![i]! - least) / (tokens[more]![i]! - tokens[one]![i]!));
}

/** By how much the greatest is above the least. */
function ends(values: readonly number[]): number {
  return Math.max(...values) / Math.min(...values) - 1;
}
