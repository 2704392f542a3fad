import { spawnSync } from 'node:child_process';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadNative } from '../../lib/native/load.ts';

export interface Machine {
  /** Short name for file names, such as "amd-epyc-2". */
  readonly name: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
}

export function machine(): Machine {
  const processor = cpus()[0]?.model.trim() ?? arch();
  const cores = availableParallelism();
  const name = `${processor
    .toLowerCase()
    .replace(/\(r\)|\(tm\)|processor|cpu|@.*/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')}-${cores}`;
  return { name, processor, cores, memoryBytes: totalmem(), system: `${platform()} ${release()} ${arch()}` };
}

export function versions(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  return {
    lrdist: version,
    commit: commitAtStart,
    node: process.versions.node,
    libtorch: loadNative().info().libtorchLoaded,
  };
}

/** Of the sources that are measured; "+" where files differ from it. Read before anything runs: a long run outlives commits. */
const commitAtStart = commit();

function commit(): string {
  const git = (...parameters: string[]): string => {
    const { status, stdout } = spawnSync('git', parameters, { cwd: import.meta.dirname, encoding: 'utf8' });
    return status === 0 ? stdout.trim() : '';
  };
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', '../../lib', '../../native') === '' ? '' : '+'}`;
}
