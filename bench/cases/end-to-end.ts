import { join } from 'node:path';
import type { BenchCase } from '../lib/case.ts';
import { finished } from '../lib/finished.ts';
import { ratiosTo, spreads } from '../lib/interleave.ts';
import { modelFolder } from '../lib/models.ts';
import { glue, ours, ownCommand, shownAll, trainerCommand } from '../lib/programs.ts';
import { number, type Side } from '../lib/side.ts';
import { interval } from '../lib/statistics.ts';
import { times } from '../lib/text.ts';

const learningRate = 5e-5;

/** A whole fine-tuning with our best setting (bf16) against Trainer as it comes (padded to 128, fp32): time of training and dev scores by seed. */
export const endToEnd: BenchCase = {
  name: 'end-to-end',
  summary:
    'fine-tuning with our best setting against Trainer as it comes: time and dev accuracy; --work keeps finished runs',
  defaults: { precisions: ['bf16'], seeds: [1, 2, 3], peers: ['padded'] },
  async run(options, log) {
    const { seeds, epochs, threads, batch, work, peers } = options;
    const [name, task, precision] = [options.models[0]!, options.tasks[0]!, options.precisions[0]!];
    const model = await modelFolder(name, options);
    const sides = (seed: number): Side[] => [
      ownCommand('train', {
        ...{ model, task, data_dir: glue(), seed, learning_rate: learningRate, num_train_epochs: epochs },
        ...{
          per_device_train_batch_size: batch,
          threads,
          bf16: precision === 'bf16',
          save_strategy: 'no',
          do_eval: true,
        },
      }),
      ...peers.map((way) => trainerCommand(way, work, { model, task, seed, lr: learningRate, epochs, batch, threads })),
    ];
    const seconds: Record<string, number[]> = {};
    const accuracy: Record<string, number[]> = {};
    for (const seed of seeds) {
      for (const side of sides(seed)) {
        const run = [
          name,
          task,
          side.name,
          side.name === ours ? precision : 'fp32',
          epochs,
          `b${batch}`,
          threads,
          seed,
        ].join('-');
        const document = await finished(join(work, 'end-to-end', `${run}.json`), side);
        (seconds[side.name] ??= []).push(number(document, 'train_runtime'));
        (accuracy[side.name] ??= []).push(number(document, 'eval_accuracy'));
        log(
          `seed ${seed}: ${side.name} ${seconds[side.name]!.at(-1)!.toFixed(1)} s, accuracy ${accuracy[side.name]!.at(-1)!.toFixed(4)}`,
        );
      }
    }
    const ratios = ratiosTo(ours, seconds);
    const differences = Object.fromEntries(
      peers.map((way) => [way, interval(accuracy[ours]!.map((own, i) => 100 * (own - accuracy[way]![i]!)))]),
    );
    return {
      variant: `${name}-${task}`,
      headline: peers
        .map((way) => `${times(ratios[way]!)} Trainer ${way}; accuracy ${points(differences[way]!)}`)
        .join('; '),
      ratios,
      seconds: spreads(seconds),
      accuracy: spreads(accuracy),
      accuracyDifference: differences,
      commands: shownAll(sides(seeds[0]!), work),
      seeds,
      settings: {
        model: name,
        task,
        epochs,
        batch,
        learningRate,
        threads,
        precision: { [ours]: precision, trainer: 'fp32' },
      },
      runs: { seconds, accuracy },
    };
  },
};

function points({ mean, low, high, n }: ReturnType<typeof interval>): string {
  const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`;
  return `${signed(mean)} points${n > 1 ? ` (95 % interval ${signed(low)} to ${signed(high)}, ${n} seeds)` : ', one seed'}`;
}
