import type { Direction } from './space.ts';
import type { Trial } from './trial.ts';

export interface PruneRequest {
  readonly directions: readonly Direction[];
  /** Trials that have all just reported this step: the replicas of one session, or one trial. Their reports are in the records. */
  readonly batch: readonly Trial[];
  readonly step: number;
  /** The step of a trial that runs to its end. */
  readonly maxStep: number;
  /** All trials of the study, those of the batch among them. */
  readonly trials: readonly Trial[];
}

/** Which trials are ended early. Like a sampler without state: a function of the request. */
export interface Pruner {
  readonly name: string;
  readonly settings: Readonly<Record<string, number | string | boolean>>;
  /** For each trial of the batch whether it goes on. Never all false unless the batch's trials are all worse than others of the study. */
  decide(request: PruneRequest): readonly boolean[];
  /** Steps at which `decide` may say no, ascending, below maxStep: nothing need be scored in between. */
  rungs(maxStep: number): readonly number[];
}
