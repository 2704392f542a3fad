import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { BenchCase } from '../lib/case.ts';
import { interleave, spreads, valuesOf } from '../lib/interleave.ts';
import { modelFolder, stepsOf } from '../lib/models.ts';
import { flags, glue, roundSeeds, shownAll } from '../lib/programs.ts';
import { root, type Side } from '../lib/side.ts';

/** Time between two turns of a 1 ms timer on the JavaScript thread while the engine trains; its 99th percentile. */
export const eventLoop: BenchCase = {
  name: 'event-loop',
  summary: 'delay of the event loop while training, with as many threads as cores and with one less',
  defaults: { steps: 40, rounds: 3 },
  async run(options, log) {
    const { rounds, work, batch, device } = options;
    const onGpu = device !== 'cpu';
    const [name, task] = [options.models[0]!, options.tasks[0]!];
    const model = await modelFolder(name, options);
    const cores = availableParallelism();
    const seeds = roundSeeds(rounds, options.seeds);
    const side = (label: string, threads: number, seed: number): Side => ({
      name: label,
      command: [
        process.execPath,
        join(root, 'bench', 'sides', 'event-loop.ts'),
        ...flags({
          model,
          task,
          data_dir: glue(),
          seed,
          batch,
          max_steps: stepsOf(name, options.steps),
          threads,
          device,
        }),
      ],
    });
    const sides = (round: number): Side[] =>
      onGpu
        ? [side('gpu', cores, seeds[round]!)]
        : [...(cores > 1 ? [side('cores - 1', cores - 1, seeds[round]!)] : []), side('cores', cores, seeds[round]!)];
    const found = await interleave(rounds, sides, ({ name: label }, round, document) =>
      log(
        `threads = ${label}, round ${round + 1} of ${rounds}: p99 ${delay(document, 'training', 'p99').toFixed(2)} ms`,
      ),
    );
    const of = (when: 'idle' | 'training', what: 'p50' | 'p99' | 'max') =>
      spreads(valuesOf(found, (document) => delay(document, when, what)));
    const p99 = of('training', 'p99');
    return {
      headline: `p99 of the event loop while training ${Object.entries(p99)
        .map(
          ([label, { median, least, most }]) =>
            `${median.toFixed(1)} ms (${least.toFixed(1)} to ${most.toFixed(1)}) with threads = ${label}`,
        )
        .join(', ')}`,
      milliseconds: { p99, p50: of('training', 'p50'), max: of('training', 'max'), idleP99: of('idle', 'p99') },
      commands: shownAll(sides(0), work),
      seeds,
      ...(onGpu ? { variant: 'cuda' } : {}),
      settings: { model: name, task, batch, cores, device, rounds, steps: stepsOf(name, options.steps) },
    };
  },
};

function delay(document: Record<string, unknown>, when: 'idle' | 'training', what: 'p50' | 'p99' | 'max'): number {
  return (document as Record<typeof when, Record<typeof what, number>>)[when][what];
}
