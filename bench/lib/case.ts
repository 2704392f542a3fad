import { join } from 'node:path';
import { dataFolder } from '../../test/helpers/data.ts';
import type { Measurement } from './results.ts';
import { root } from './side.ts';

export interface BenchOptions {
  /** Repetitions of an interleaved comparison. */
  readonly rounds: number;
  /** Optimizer steps of each measurement. */
  readonly steps: number;
  readonly threads: number;
  readonly seeds: readonly number[];
  readonly tasks: readonly string[];
  /** Folder with finished results of the other side, or where they go. */
  readonly work: string;
}

export interface BenchCase {
  readonly name: string;
  readonly summary: string;
  run(options: BenchOptions, log: (line: string) => void): Promise<Measurement>;
}

/** Folder with glue/ and models/. */
export function data(): string {
  const folder = dataFolder();
  if (folder === undefined)
    throw new Error('This needs real data: set LRDIST_DATA to a folder with glue/ and models/.');
  return folder;
}

export const cli = join(root, 'dist', 'cli', 'cli.js');
export const hfTrainer = join(root, 'bench', 'peers', 'hf_trainer.py');
/** What the peers' Python is called. */
export const python = process.env['PYTHON'] ?? 'python3';
