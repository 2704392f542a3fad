import { arch, cpus, platform } from 'node:os';
import { BOUNDARY_VERSION } from '../native/boundary.ts';
import { loadNative } from '../native/load.ts';
import type { RatesDocument } from '../rates/file.ts';
import { packageVersion } from '../train/protocol.ts';
import type { ShiftMode, StageTraining } from './options.ts';
import type { ObjectiveKind, PairScores, TaskMetric } from './scores.ts';
import type { Interval, Spread } from './statistics.ts';

export const SHIFT_FORMAT = 'lrdist-shift/1';

export interface TaskRecord extends TaskMetric {
  readonly dataset?: { readonly name: string; readonly config?: string };
  readonly train_rows: number;
  /** Rows the scores are of. */
  readonly rows: number;
}

/** One distribution under one seed. */
export interface RunRecord extends PairScores {
  readonly distribution: string;
  readonly seed: number;
  readonly state: 'complete' | 'not_finite';
  /** Mean training loss of the last tenth of the stage's steps; null where there was no such stage or it stopped being finite. */
  readonly final_losses: readonly [number | null, number | null];
}

/** One distribution over all seeds. */
export interface SummaryRecord {
  readonly distribution: string;
  readonly scores: Readonly<Record<keyof PairScores, Spread>>;
  /** Paired by seed, this distribution minus the first of the list; absent for the first. */
  readonly difference?: Readonly<Record<keyof PairScores, Interval>>;
}

/** Everything about a comparison: what was run, with what, and what came out. Scores are shares of 1. */
export interface ShiftRecord {
  readonly format: typeof SHIFT_FORMAT;
  readonly created: string;
  readonly versions: Readonly<Record<string, string | number>>;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly mode: ShiftMode;
  readonly model: string;
  readonly tasks: readonly [TaskRecord, TaskRecord];
  readonly split: string;
  readonly objective: ObjectiveKind;
  /** Where the first task's model came from: rates of its own, a folder, or each distribution's own first stage. */
  readonly first_stage: { readonly rates: RatesDocument } | { readonly model: string } | 'distribution';
  readonly distributions: readonly RatesDocument[];
  readonly training: {
    readonly first: StageTraining | null;
    readonly second: StageTraining;
    readonly moments: 'keep' | 'fresh';
  };
  readonly seeds: readonly number[];
  readonly runs: readonly RunRecord[];
  readonly summary: readonly SummaryRecord[];
  /** What a reader should know before believing the numbers. */
  readonly notes: readonly string[];
  readonly train_tokens: number;
  readonly seconds: number;
}

export function versions(): Record<string, string | number> {
  return {
    lrdist: packageVersion,
    node: process.versions.node,
    libtorch: loadNative().info().libtorchLoaded,
    boundary: BOUNDARY_VERSION,
  };
}

export function machine(session: {
  readonly device: string;
  readonly threads: number;
  readonly precision: string;
  readonly matmul: string;
}): Record<string, string | number> {
  const { device, threads, precision, matmul } = session;
  return {
    system: `${platform()} ${arch()}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    device,
    threads,
    precision,
    matmul,
  };
}
