/** Child processes that train trials. */
import { env } from '../../env.ts';
import { availableParallelism } from 'node:os';
import type { Pair } from '../../pair-search/pair.ts';
import type { Executor } from '../../search/executor.ts';
import { childProcessExecutor } from '../../search/executors/child-process.ts';
import type { Json } from '../../search/trial.ts';

export interface ProcessOptions {
  readonly processes: number;
  readonly batchSize: number;
}

/** An executor with so many children; on CUDA each sees one device. */
export function pairProcesses({ spec }: Pick<Pair, 'spec'>, { processes, batchSize }: ProcessOptions): Executor {
  return childProcessExecutor({
    module: new URL(
      import.meta.url.endsWith('.ts') ? '../../pair-search/job.ts' : '../../pair-search/job.js',
      import.meta.url,
    ),
    options: JSON.parse(JSON.stringify(spec)) as Json,
    slots: slotsOf(spec.session['device'], processes),
    batchSize,
  });
}

/** The environment of each child. */
export function slotsOf(
  device: unknown,
  processes: number,
  visible = process.env['CUDA_VISIBLE_DEVICES'],
): readonly Readonly<Record<string, string>>[] {
  const devices = visible?.split(',').filter((each) => each !== '') ?? [];
  return Array.from({ length: processes }, (_, i) =>
    device === 'cuda' ? { CUDA_VISIBLE_DEVICES: devices[i % Math.max(1, devices.length)] ?? String(i) } : {},
  );
}

/** Threads of each process, where several share this machine's processors and nothing else was said. */
export function sharedThreads(processes: number, device: string | undefined): number | undefined {
  if (processes < 2 || (device ?? 'cpu') !== 'cpu' || env('LRDIST_THREADS') !== undefined) return undefined;
  return Math.max(1, Math.floor(availableParallelism() / processes));
}
