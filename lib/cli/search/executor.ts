/** Child processes that train trials. */
import { availableParallelism } from 'node:os';
import { env } from '../../env.ts';
import { deviceKind } from '../../native/devices.ts';
import type { Pair } from '../../pair-search/pair.ts';
import type { Executor } from '../../search/executor.ts';
import { childProcessExecutor } from '../../search/executors/child-process.ts';
import type { Json } from '../../search/trial.ts';
import { ownDevice, slotsOf, spread } from './devices.ts';

export interface ProcessOptions {
  readonly processes: number;
  readonly batchSize: number;
  readonly devices: string | undefined;
}

/** An executor with so many children; on GPUs each sees one. */
export function pairProcesses({ spec }: Pick<Pair, 'spec'>, options: ProcessOptions): Executor {
  const { processes, batchSize, devices = 'cpu' } = options;
  // A child sees one GPU, which is then the first.
  const device = deviceKind(devices) === 'cuda' ? 'cuda' : ownDevice(options.devices);
  const own = { ...spec, session: { ...spec.session, device } };
  return childProcessExecutor({
    module: new URL(
      import.meta.url.endsWith('.ts') ? '../../pair-search/job.ts' : '../../pair-search/job.js',
      import.meta.url,
    ),
    options: JSON.parse(JSON.stringify(own)) as Json,
    slots: slotsOf(spread(devices), processes),
    batchSize,
  });
}

/** Threads of each process, where several share this machine's processors and nothing else was said. */
export function sharedThreads(processes: number, device: string | undefined): number | undefined {
  if (processes < 2 || (device ?? 'cpu') !== 'cpu' || env('LRDIST_THREADS') !== undefined) return undefined;
  return Math.max(1, Math.floor(availableParallelism() / processes));
}
