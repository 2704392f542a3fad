import type { BenchCase } from '../lib/case.ts';
import { modelFolder } from '../lib/models.ts';
import { ours, shownAll } from '../lib/programs.ts';
import { number, runSide } from '../lib/side.ts';
import { epochSide } from './gpu-epoch.ts';

const trials = 4;

interface Segment {
  readonly steps: number;
  readonly synchronizations: number;
}

/** How often the host waits for the GPU within an epoch: between the beginning and the end of a segment, which ends with the epoch. */
export const gpuSyncs: BenchCase = {
  name: 'gpu-syncs',
  summary: 'how often the host waits for the GPU within an epoch',
  defaults: { device: 'cuda', models: ['bert-base'], tasks: ['mrpc'], precisions: ['bf16'], epochs: 2 },
  async run(options, log) {
    const { batch, epochs, device, work } = options;
    const [name, task, precision] = [options.models[0]!, options.tasks[0]!, options.precisions[0]!];
    const [seed] = options.seeds;
    const model = await modelFolder(name, options);
    const side = epochSide({ model, task, batch, epochs, device, precision, seed: seed! }, trials);
    const document = await runSide(side);
    const segments = document['segments'] as readonly Segment[];
    const steps = number(document, 'steps_per_epoch');
    const counts = segments.map(({ synchronizations }) => synchronizations);
    log(`${ours}: ${counts.join(', ')} in segments of ${segments.map((segment) => segment.steps).join(', ')} steps`);
    // The first epoch records graphs, which need the queue to be empty.
    const later = counts.slice(1);
    const most = Math.max(...(later.length > 0 ? later : counts));
    return {
      variant: `${name}-${task}-${precision}`,
      headline: `the host waits ${most} times for the GPU in an epoch of ${steps} steps after the first`,
      synchronizations: { median: most, least: Math.min(...later), most },
      inTheFirst: counts[0],
      segments,
      commands: shownAll([side], work),
      seeds: [seed!],
      settings: { model: name, task, batch, epochs, precision, trials },
    };
  },
};
