import type { RateDistribution } from '../rates/distribution.ts';

/** What one trial trains with. */
export interface Candidate {
  readonly distribution: RateDistribution;
  /** Default: the training options'. */
  readonly weightDecay?: number;
  readonly warmupRatio?: number;
  /** Of the second stage; whole. */
  readonly epochs?: number;
  /** Strength of the space's penalty. */
  readonly penalty?: number;
}
