import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCase, BenchOptions } from '../lib/case.ts';
import { interleave, ratiosTo, spreads, valuesOf } from '../lib/interleave.ts';
import { modelFolder } from '../lib/models.ts';
import { glue, ours, ownCommand, shownAll, trainerCommand } from '../lib/programs.ts';
import type { Measurement } from '../lib/results.ts';
import { number, runSide } from '../lib/side.ts';
import { times } from '../lib/text.ts';

/** Scores on the dev rows of a fine-tuned folder: time of the evaluation alone, as both sides report it (`eval_runtime`). */
export const evaluation: BenchCase = {
  name: 'evaluation',
  summary: "evaluation on a task's dev rows against Trainer's own",
  defaults: { models: ['minilm', 'bert-tiny'], peers: ['padded', 'dynamic'] },
  async *run(options, log) {
    for (const name of options.models) for (const task of options.tasks) yield await measure(name, task, options, log);
  },
};

async function measure(
  name: string,
  task: string,
  options: BenchOptions,
  log: (line: string) => void,
): Promise<Measurement> {
  const { batch, rounds, threads, work, peers } = options;
  const model = await fineTuned(name, task, options);
  const common = { model, task, threads };
  const sides = () => [
    ownCommand('eval', { ...common, data_dir: glue(), per_device_eval_batch_size: batch }),
    ...peers.map((way) => trainerCommand(way, work, { ...common, batch, no_train: true })),
  ];
  const found = await interleave(rounds, sides, (side, round, document) =>
    log(
      `${name} ${task} round ${round + 1} of ${rounds}: ${side.name} ${number(document, 'eval_runtime').toFixed(2)} s`,
    ),
  );
  const seconds = valuesOf(found, (document) => number(document, 'eval_runtime'));
  const ratios = ratiosTo(ours, seconds);
  return {
    variant: `${name}-${task}`,
    headline: Object.entries(ratios)
      .map(([way, ratio]) => `${times(ratio)} Trainer's evaluation, ${way}`)
      .join('; '),
    ratios,
    seconds: spreads(seconds),
    commands: shownAll(sides(), work),
    seeds: [],
    versions: found.get(peers[0]!)![0]!['versions'],
    settings: { model: name, task, batch, threads, precision: 'fp32', rounds },
    documents: Object.fromEntries(found),
  };
}

/** A folder with a classifier that both sides read: one training step makes it. */
async function fineTuned(name: string, task: string, options: BenchOptions): Promise<string> {
  const folder = join(options.work, 'fine-tuned', `${name}-${task}`);
  if (existsSync(join(folder, 'model.safetensors'))) return folder;
  const model = await modelFolder(name, options);
  const values = {
    model,
    task,
    data_dir: glue(),
    max_steps: 1,
    save_strategy: 'no',
    'no-do_eval': true,
    output_dir: folder,
  };
  await runSide(ownCommand('train', values));
  return folder;
}
