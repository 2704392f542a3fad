import type { BenchCase, BenchOptions } from '../lib/case.ts';
import { interleave, ratiosTo, spreads, valuesOf } from '../lib/interleave.ts';
import { modelFolder } from '../lib/models.ts';
import { glue, measured, ours, ownCommand, shownAll, trainerCommand } from '../lib/programs.ts';
import type { Measurement } from '../lib/results.ts';
import { number, runSide } from '../lib/side.ts';
import { times } from '../lib/text.ts';

/** A whole process that trains one step and ends, tokens cached on both sides. */
export const startUp: BenchCase = {
  name: 'start-up',
  summary: 'from the start of the process through its first training step to its end, tokens cached, against Trainer',
  defaults: { peers: ['dynamic'] },
  async *run(options, log) {
    for (const name of options.models) yield await measure(name, options, log);
  },
};

async function measure(name: string, options: BenchOptions, log: (line: string) => void): Promise<Measurement> {
  const { batch, rounds, threads, work, peers } = options;
  const task = options.tasks[0]!;
  const common = { model: await modelFolder(name, options), task, max_steps: 1, threads };
  const plain = [
    ownCommand('train', {
      ...common,
      ...{ data_dir: glue(), per_device_train_batch_size: batch, save_strategy: 'no', 'no-do_eval': true },
    }),
    ...peers.map((way) => trainerCommand(way, work, { ...common, batch, no_eval: true })),
  ];
  for (const side of plain) await runSide(side); // caches the tokens, and the files in memory
  const sides = () => plain.map((side) => measured(side, work));
  const found = await interleave(rounds, sides, (side, round, document) =>
    log(`${name} round ${round + 1} of ${rounds}: ${side.name} ${number(document, 'wall_seconds').toFixed(2)} s`),
  );
  const seconds = valuesOf(found, (document) => number(document, 'wall_seconds'));
  const ratios = ratiosTo(ours, seconds);
  const own = spreads(seconds)[ours]!;
  return {
    variant: name,
    headline: `first step and end of the process after ${own.median.toFixed(2)} s; ${Object.entries(ratios)
      .map(([way, ratio]) => `Trainer ${way} takes ${times(ratio)} as long`)
      .join('; ')}`,
    ratios,
    seconds: spreads(seconds),
    cpuSeconds: spreads(valuesOf(found, (document) => number(document, 'cpu_seconds'))),
    commands: shownAll(plain, work),
    seeds: [],
    settings: { model: name, task, batch, threads, rounds },
  };
}
