import type { NativeMasking, NativePart } from '../native/boundary.ts';
import type { RateDistribution } from '../rates/distribution.ts';
import type { ScheduleOptions } from '../rates/schedule.ts';
import type { SamplingStrategy } from './batching.ts';
import type { Operation } from './model.ts';
import type { Profile } from './profile.ts';
import type { Regularizer } from './regularizers.ts';
import type { RunResume, TrainEvent } from './run.ts';
import type { RowSource, SideRows } from './sources.ts';
import type { EncodedSplit, Task } from './task.ts';

export interface OptimizerOptions {
  /** `adamw` (default) decouples weight decay, `adam` couples it. */
  readonly name?: 'adamw' | 'adam';
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
}

/** State of a run between two segments, for `onPause`. Steps are whole; the model may be evaluated and saved meanwhile. */
export interface Boundary {
  /** Steps done in this run. */
  readonly step: number;
  readonly total: number;
  readonly epoch: number;
  readonly epochEnd: boolean;
  /** [replicas][steps done] */
  readonly losses: readonly Float32Array[];
  readonly gradNorms: readonly Float32Array[];
  /** Step at which a replica stopped being finite, or -1. */
  readonly nonFinite: readonly number[];
  readonly tokens: number;
  readonly seconds: number;
  /** Adds an event to the run's. */
  readonly emit: (event: TrainEvent) => void;
}

/** What a run trains. Defaults are Hugging Face's TrainingArguments. */
export interface TrainOptions extends Operation {
  /** Task to learn: its `train` split, its head and its loss. */
  readonly task?: Pick<Task, 'name' | 'labels' | 'splits'>;
  /** Or a head by name with rows. */
  readonly head?: string;
  readonly dataset?: EncodedSplit;
  /** Default: cross-entropy for classes, mse for regression, masked-lm for that head. */
  readonly loss?: NativePart['loss'];
  /** For `masked-lm`. */
  readonly masking?: NativeMasking;
  /** More rows, mixed with the run's own as if all were one dataset (joint training): epochs are passes over all of them. */
  readonly mix?: readonly RowSource[];
  /** Rows of earlier tasks or of a teacher beside those of every step (replay, distillation). */
  readonly beside?: readonly SideRows[];
  /** Pulls and transforms: one for all replicas, or one for each. */
  readonly regularizers?: Regularizer | readonly Regularizer[];
  /** Patterns of the tensors that they act on; L2-SP pulls the others to 0. Default `bert.*`, the body. */
  readonly anchored?: readonly string[];

  /** One for all replicas, or one for each. */
  readonly rates: RateDistribution | readonly RateDistribution[];
  /** Which of the distributions' stages, from 0. Default 0. */
  readonly stage?: number;
  /** Default 3. May be fractional. One for all replicas, or one for each: the run is as long as the longest; a shorter one's schedule ends with its own, and its rates are 0 from there. */
  readonly epochs?: number | readonly number[];
  /** Overrides epochs when given. */
  readonly maxSteps?: number;
  /** Rows of one micro-batch. Default 8. */
  readonly batchSize?: number;
  /** Instead of `batchSize`: a micro-batch has at most this many tokens, special ones counted. Every epoch has equally many, about equally full. */
  readonly batchTokens?: number;
  /** Order of the rows in an epoch; default `random`. `group_by_length` puts rows of like length together, as transformers' sampler does. */
  readonly samplingStrategy?: SamplingStrategy;
  /** Micro-batches summed into one step; default 1. A step's loss is the mean over all of its rows. */
  readonly gradientAccumulationSteps?: number;
  /** Default `linear`. One for all replicas, or one for each. */
  readonly schedule?: ScheduleOptions | readonly ScheduleOptions[];
  /** Default adamw, 0.9, 0.999, 1e-8. */
  readonly optimizer?: OptimizerOptions;
  /** Default 0. Never on biases and LayerNorms. One for all replicas, or one for each. */
  readonly weightDecay?: number | readonly number[];
  /** Bound of the global gradient norm of each replica; default 1, 0 = none. */
  readonly clipNorm?: number;
  /** Share of the label spread over all classes, from 0 up to 1; default 0. As in Hugging Face's Trainer the losses of evaluations are smoothed too. */
  readonly labelSmoothing?: number;
  /** Key of the row order. Default: the model's seed. */
  readonly seed?: number;
  /** `fresh` (default) starts Adam anew; `keep` goes on with the moments of the run before. */
  readonly moments?: 'keep' | 'fresh';
  /** false trains without dropout; Mixout and Child-Tuning, which are no dropout, go on drawing. Default true. */
  readonly dropout?: boolean;
  /** false trains without dropout in the layers, embeddings among them, below the lowest that learns: the states that they make of a row stay the same, so they are kept from epoch to epoch. Default true, as in transformers. */
  readonly frozenDropout?: boolean;
  /** Steps between `log` events. Default 500. */
  readonly loggingSteps?: number;
  /** Record what takes time: a folder for `profile.json` and `trace.json`, or a Profile to be written later. */
  readonly profile?: string | Profile;
  /** At most one step event in this many milliseconds. Default 200. */
  readonly reportMs?: number;
  /** Evaluate these at the end of every epoch, or every `evaluateEvery` steps. */
  readonly evaluate?: readonly { readonly task: Task; readonly splits?: readonly string[] }[];
  readonly evaluateEvery?: 'epoch' | number;
  /** Pause at multiples of these, at these steps, at every epoch's end and at the end, and call `onPause`; 'stop' ends the run there. */
  readonly pauseEvery?: readonly number[];
  readonly pauseAt?: readonly number[];
  readonly onPause?: (boundary: Boundary) => Promise<'stop' | void>;
  /** Go on with an interrupted run (see checkpoint.ts). */
  readonly resume?: RunResume;
}

/** With the same numbers for all replicas. */
export type CommonTrainOptions = Omit<TrainOptions, 'epochs' | 'schedule' | 'weightDecay'> & {
  readonly epochs?: number;
  readonly schedule?: ScheduleOptions;
  readonly weightDecay?: number;
};
