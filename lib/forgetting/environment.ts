/** Where a record was made. */
import { arch, cpus, platform } from 'node:os';
import { BOUNDARY_VERSION } from '../native/boundary.ts';
import { gpuName } from '../native/devices.ts';
import { loadNative } from '../native/load.ts';
import type { Model } from '../train/model.ts';
import { packageVersion } from '../train/protocol.ts';

export function versions(): Record<string, string | number> {
  return {
    lrdist: packageVersion,
    node: process.versions.node,
    libtorch: loadNative().info().libtorchLoaded,
    boundary: BOUNDARY_VERSION,
  };
}

export function machine({ spec, session }: Pick<Model, 'spec' | 'session'>): Record<string, string | number> {
  const { device, threads, precision } = spec;
  const processor = cpus()[0]?.model.trim() ?? 'unknown';
  const card = gpuName(device, loadNative().info());
  return {
    system: `${platform()} ${arch()}`,
    processor,
    device,
    ...(card === undefined ? {} : { card }),
    threads,
    precision,
    matmul: session.matmul(),
  };
}
