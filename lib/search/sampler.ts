import type { Random } from '../random.ts';
import type { Direction, Parameters, Space } from './space.ts';
import type { Trial } from './trial.ts';

export interface SampleRequest {
  readonly space: Space;
  /** One or more objectives. */
  readonly directions: readonly Direction[];
  /** All trials so far, by number. Failed ones teach nothing; running and waiting ones tell where others are already looking. */
  readonly trials: readonly Trial[];
  /** How many new points, one or more. */
  readonly count: number;
  /** Seeded by the study and the number of the first new trial: all chance of a sampler comes from here. */
  readonly random: Random;
}

/**
 * Where to look next. A sampler keeps no state of its own: what it suggests is a function of the request, so a study that is opened again, or asked by another worker, goes on
 * as if nothing had happened.
 */
export interface Sampler {
  readonly name: string;
  /** What it was made with, for the study's record. */
  readonly settings: Readonly<Record<string, number | string | boolean>>;
  /** `count` points within the space. */
  suggest(request: SampleRequest): readonly Parameters[];
}
