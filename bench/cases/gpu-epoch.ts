import { join } from 'node:path';
import type { BenchCase } from '../lib/case.ts';
import { interleave } from '../lib/interleave.ts';
import { modelFolder } from '../lib/models.ts';
import { flags, glue, ours, precisionFlags, roundSeeds, shownAll } from '../lib/programs.ts';
import { number, root, type Side } from '../lib/side.ts';
import { spread } from '../lib/statistics.ts';
import { ratesOf } from '../lib/trials.ts';

const trials = 16;

/** A whole fine-tuning of 16 distributions side by side on a GPU: SST-2, 3 epochs. Training alone; evaluation and opening apart. */
export const gpuEpoch: BenchCase = {
  name: 'gpu-epoch',
  summary: `whole fine-tuning of ${trials} distributions side by side on a GPU (SST-2, 3 epochs)`,
  defaults: { device: 'cuda', models: ['bert-base'], tasks: ['sst2'], precisions: ['bf16'], rounds: 1 },
  async run(options, log) {
    const { batch, epochs, device, rounds, work } = options;
    const [name, task, precision] = [options.models[0]!, options.tasks[0]!, options.precisions[0]!];
    const model = await modelFolder(name, options);
    const seeds = roundSeeds(rounds, options.seeds);
    const sides = (round: number): Side[] => [
      epochSide({ model, task, batch, epochs, device, precision, seed: seeds[round]! }, trials),
    ];
    const found = await interleave(rounds, sides, (_, round, document) =>
      log(`round ${round + 1} of ${rounds}: ${number(document, 'train_seconds').toFixed(1)} s`),
    );
    const documents = found.get(ours)!;
    const seconds = spread(documents.map((document) => number(document, 'train_seconds')));
    return {
      variant: `${name}-${task}-${precision}`,
      headline: `${trials} distributions, ${epochs} epochs of ${task} in ${seconds.median.toFixed(0)} s of training`,
      seconds,
      trialsPerHour: spread(documents.map((document) => (3600 * trials) / number(document, 'train_seconds'))),
      commands: shownAll(sides(0), work),
      seeds,
      settings: { model: name, task, batch, epochs, precision, trials, rounds },
      documents,
    };
  },
};

export interface EpochSetting {
  readonly model: string;
  readonly task: string;
  readonly batch: number;
  readonly epochs: number;
  readonly device: string;
  readonly precision: 'fp32' | 'tf32' | 'bf16';
  readonly seed: number;
  readonly rows?: number;
}

export function epochSide({ precision, ...values }: EpochSetting, count: number): Side {
  const parameters = flags({
    ...values,
    data_dir: glue(),
    rates: ratesOf('flat', count),
    ...precisionFlags(precision),
  });
  return { name: ours, command: [process.execPath, join(root, 'bench', 'sides', 'epochs.ts'), ...parameters] };
}
