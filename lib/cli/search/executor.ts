/** Child processes that train trials. */
import { env } from '../../env.ts';
import { availableParallelism } from 'node:os';
import { deviceKind, gpus } from '../../native/devices.ts';
import { loadNative } from '../../native/load.ts';
import type { Pair } from '../../pair-search/pair.ts';
import type { Executor } from '../../search/executor.ts';
import { childProcessExecutor } from '../../search/executors/child-process.ts';
import type { Json } from '../../search/trial.ts';

export interface ProcessOptions {
  readonly processes: number;
  readonly batchSize: number;
}

/** An executor with so many children; on GPUs each sees one. */
export function pairProcesses({ spec }: Pick<Pair, 'spec'>, { processes, batchSize }: ProcessOptions): Executor {
  const device = spec.session['device'] as string | undefined;
  const onGpus = deviceKind(device ?? 'cpu') === 'cuda';
  // A child sees one GPU, which is then the first.
  const own = onGpus ? { ...spec, session: { ...spec.session, device: 'cuda' } } : spec;
  return childProcessExecutor({
    module: new URL(
      import.meta.url.endsWith('.ts') ? '../../pair-search/job.ts' : '../../pair-search/job.js',
      import.meta.url,
    ),
    options: JSON.parse(JSON.stringify(own)) as Json,
    slots: slotsOf(device, processes, onGpus ? gpus(loadNative().info()).length : 0),
    batchSize,
  });
}

/**
 * The environment of each child. `cuda` deals the GPUs that this process sees out to the children in turn, `cuda:N` gives all of them that one.
 *
 * @param count GPUs that this process sees
 * @param visible CUDA_VISIBLE_DEVICES: numbers or UUIDs of the GPUs, in the order in which they are counted here
 */
export function slotsOf(
  device: string | undefined,
  processes: number,
  count: number,
  visible = env('CUDA_VISIBLE_DEVICES'),
): readonly Readonly<Record<string, string>>[] {
  const names = visible === undefined ? [] : visible.split(',').map((name) => name.trim());
  const chosen = /^cuda:(\d+)$/.exec(device ?? '')?.[1];
  return Array.from({ length: processes }, (_, i) => {
    if (deviceKind(device ?? 'cpu') !== 'cuda') return {};
    const gpu = chosen === undefined ? i % Math.max(1, count) : Number(chosen);
    return { CUDA_VISIBLE_DEVICES: names[gpu] || String(gpu) };
  });
}

/** `auto` as what it comes to on this machine; on GPUs `cuda`, all of them. */
export function resolveAuto(device: string | undefined): string | undefined {
  if (device !== 'auto') return device;
  return gpus(loadNative().info()).length > 0 ? 'cuda' : 'cpu';
}

/** Child processes where the command line names none: one for each GPU where there are several to share, else this process does the work. */
export function defaultProcesses(device: string | undefined): number {
  if (device !== 'cuda') return 0;
  const { length } = gpus(loadNative().info());
  return length > 1 ? length : 0;
}

/** Threads of each process, where several share this machine's processors and nothing else was said. */
export function sharedThreads(processes: number, device: string | undefined): number | undefined {
  if (processes < 2 || (device ?? 'cpu') !== 'cpu' || env('LRDIST_THREADS') !== undefined) return undefined;
  return Math.max(1, Math.floor(availableParallelism() / processes));
}
