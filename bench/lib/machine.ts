import { spawnSync } from 'node:child_process';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadNative } from '../../lib/native/load.ts';

export interface Machine {
  /** Short name for file names, such as "amd-epyc-2". */
  readonly name: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  /** Of a measurement on a GPU. */
  readonly card?: string;
  readonly driver?: string;
  readonly cuda?: string;
  readonly capability?: string;
}

/** What result files say of a GPU. */
export type Card = Required<Pick<Machine, 'card' | 'driver' | 'cuda' | 'capability'>>;

/** @param card what was measured on, if not the processor: the machine's name is then the card's */
export function machine(card?: Card): Machine {
  const processor = cpus()[0]?.model.trim() ?? arch();
  const cores = availableParallelism();
  const name = card === undefined ? `${shortName(processor)}-${cores}` : shortName(card.card);
  const system = `${platform()} ${release()} ${arch()}`;
  return { name, processor, cores, memoryBytes: totalmem(), system, ...card };
}

function shortName(text: string): string {
  return text
    .toLowerCase()
    .replace(/\(r\)|\(tm\)|processor|cpu|@.*/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
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
  // An archive for a machine without git brings the name along.
  const packed = join(import.meta.dirname, '..', '..', 'commit');
  if (existsSync(packed)) return readFileSync(packed, 'utf8').trim();
  const git = (...parameters: string[]): string => {
    const { status, stdout } = spawnSync('git', parameters, { cwd: import.meta.dirname, encoding: 'utf8' });
    return status === 0 ? stdout.trim() : '';
  };
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', '../../lib', '../../native') === '' ? '' : '+'}`;
}
