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
  readonly models: readonly string[];
  readonly precisions: readonly Precision[];
  /** Other programs to compare with, by the names that the case knows; `[]` = all of them. */
  readonly peers: readonly string[];
  /** Rows of a step. */
  readonly batch: number;
  readonly epochs: number;
  /** `cpu`, `cuda`, `cuda:N`; `emulated` for rehearsals. */
  readonly device: string;
  /** Folder for finished runs that can be continued, models made for a measurement and the peers' Python. */
  readonly work: string;
}

export type Precision = 'fp32' | 'tf32' | 'bf16';

export interface BenchCase {
  readonly name: string;
  readonly summary: string;
  /** What options are when the command line does not say; see lib/options.ts for the rest. */
  readonly defaults?: Partial<BenchOptions>;
  /** One measurement, or several, each written as soon as it is there. */
  run(options: BenchOptions, log: (line: string) => void): Promise<Measurement> | AsyncIterable<Measurement>;
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
