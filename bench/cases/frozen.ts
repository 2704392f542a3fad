import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCase, BenchOptions, Precision } from '../lib/case.ts';
import { interleave, spreads, valuesOf } from '../lib/interleave.ts';
import { modelFolder, stepsOf } from '../lib/models.ts';
import { roundSeeds, shownAll } from '../lib/programs.ts';
import type { Measurement } from '../lib/results.ts';
import type { Side } from '../lib/side.ts';
import { spread, type Spread } from '../lib/statistics.ts';
import { ratesOf, secondsOf, trialSide } from '../lib/trials.ts';

const count = 16;
const untimed = 2;
/** Batches of the rows that kept states are measured with: an epoch of so many steps fills them, the next ones find them. */
const epoch = 4;

/**
 * Distributions that freeze the same lower layers, side by side against single runs. All single runs take the same time, so one of them stands for
 * all: its steps are timed, not those of the others.
 */
export const frozen: BenchCase = {
  name: 'frozen',
  summary: `${count} distributions with the same frozen layers, side by side against ${count} single runs`,
  defaults: { steps: 8, rounds: 5 },
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
  const layers = layersOf(model);
  const shapes = { top: `freeze-${layers - 1}`, half: `freeze-${Math.floor(layers / 2)}` } as const;
  const setting = { model, task, batch, threads, precision, work, untimed };
  const timed = stepsOf(name, options.steps);
  const seeds = roundSeeds(rounds, options.seeds);
  const sides = (round: number): Side[] => [
    ...Object.values(shapes).flatMap((shape) =>
      [1, count].map((k) =>
        trialSide(nameOf(shape, k), ratesOf(shape, k), { ...setting, steps: untimed + timed }, seeds[round]!),
      ),
    ),
    ...([{}, { 'no-frozen_dropout': true }] as const).map((dropout) =>
      trialSide(
        'no-frozen_dropout' in dropout ? kept : recomputed,
        ratesOf(shapes.top, 1),
        { ...setting, untimed: epoch, steps: epoch + timed },
        seeds[round]!,
        { ...dropout, rows: batch * epoch },
      ),
    ),
  ];
  const found = await interleave(rounds, sides, (side, round, document) =>
    log(`${name} ${side.name}, round ${round + 1} of ${rounds}: ${(1000 * secondsOf(document)).toFixed(1)} ms`),
  );
  const seconds = valuesOf(found, secondsOf);
  const over = (slow: string, fast: string): Spread =>
    spread(seconds[slow]!.map((value, round) => value / seconds[fast]![round]!));
  const ratios = {
    top: over(nameOf(shapes.top, 1), nameOf(shapes.top, count)),
    half: over(nameOf(shapes.half, 1), nameOf(shapes.half, count)),
    kept: over(recomputed, kept),
  };
  return {
    variant: `${name}-${precision}`,
    headline: `${count} distributions side by side are ${times(ratios.top)} as fast as ${count} single runs with all but the top layer frozen, ${times(ratios.half)} with the lower half; one alone with all but the top layer frozen is ${times(ratios.kept)} as fast from its second epoch on without dropout there`,
    ratios,
    secondsPerTrial: spreads(seconds),
    note: `a single run is timed once a round and stands for all ${count}: they do the same work`,
    commands: shownAll(sides(0), work),
    seeds,
    settings: { model: name, task, batch, threads, precision, rounds, timed, untimed, epoch, count, shapes },
  };
}

const nameOf = (shape: string, k: number): string => `${shape}, ${k === 1 ? 'alone' : `${k} side by side`}`;
const recomputed = 'alone, frozen layers with dropout';
const kept = 'alone, frozen layers without dropout';
const times = ({ median }: Spread): string => `${median.toFixed(2)} times`;

function layersOf(folder: string): number {
  const { num_hidden_layers } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as {
    num_hidden_layers: number;
  };
  return num_hidden_layers;
}
