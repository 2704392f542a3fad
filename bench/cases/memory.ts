import type { BenchCase, BenchOptions } from '../lib/case.ts';
import { interleave, ratiosTo, spreads, valuesOf } from '../lib/interleave.ts';
import { modelFolder } from '../lib/models.ts';
import { glue, measured, ours, ownCommand, shownAll, trainerCommand } from '../lib/programs.ts';
import type { Measurement } from '../lib/results.ts';
import { number } from '../lib/side.ts';

/** Steps over one batch: the same rows in every step of every side. */
const steps = 3;

/** Peak of resident memory of the process while it trains on the same batch. */
export const memory: BenchCase = {
  name: 'memory',
  summary: 'peak of resident memory at the same batch, against Trainer',
  defaults: { rounds: 3, models: ['minilm', 'bert-base'], peers: ['dynamic', 'padded'] },
  async *run(options, log) {
    for (const name of options.models)
      for (const precision of options.precisions) yield await measure(name, precision === 'bf16', options, log);
  },
};

async function measure(
  name: string,
  bf16: boolean,
  options: BenchOptions,
  log: (line: string) => void,
): Promise<Measurement> {
  const { batch, rounds, threads, work, peers } = options;
  const task = options.tasks[0]!;
  const common = {
    model: await modelFolder(name, options),
    task,
    max_steps: steps,
    max_train_samples: batch,
    threads,
    bf16,
  };
  const plain = [
    ownCommand('train', {
      ...common,
      ...{ data_dir: glue(), per_device_train_batch_size: batch, save_strategy: 'no', 'no-do_eval': true },
    }),
    ...peers.map((way) => trainerCommand(way, work, { ...common, batch, no_eval: true })),
  ];
  const sides = () => plain.map((side) => measured(side, work));
  const found = await interleave(rounds, sides, (side, round, document) =>
    log(`${name} round ${round + 1} of ${rounds}: ${side.name} ${gibibytes(number(document, 'peak_bytes'))}`),
  );
  const bytes = valuesOf(found, (document) => number(document, 'peak_bytes'));
  const inverse = ratiosTo(ours, bytes);
  // Ours as a share of theirs.
  const shares = Object.fromEntries(
    Object.entries(inverse).map(([way, { median, least, most }]) => [
      way,
      { median: 1 / median, least: 1 / most, most: 1 / least },
    ]),
  );
  return {
    variant: `${name}-${bf16 ? 'bf16' : 'fp32'}`,
    headline: `peak ${gibibytes(spreads(bytes)[ours]!.median)}, ${Object.entries(shares)
      .map(([way, { median }]) => `${median.toFixed(2)} of Trainer's, ${way}`)
      .join('; ')}`,
    shares,
    bytes: spreads(bytes),
    commands: shownAll(plain, work),
    seeds: [],
    settings: { model: name, task, batch, steps, threads, precision: bf16 ? 'bf16' : 'fp32', rounds },
  };
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
