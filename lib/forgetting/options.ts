import type { RateDistribution } from '../rates/distribution.ts';
import type { ModelOptions, Operation } from '../train/model.ts';
import type { CommonTrainOptions } from '../train/options.ts';
import type { Task } from '../train/task.ts';
import type { ShiftEvent } from './events.ts';

/**
 * `keep`: the first task is learned once for each seed, by rates of its own (or given as a fine-tuned folder), then copied for all
 * distributions, which govern the second stage; `before` is therefore the same for all. `paper`: a distribution governs both stages, as in arXiv 2404.01317.
 */
export type ShiftMode = 'keep' | 'paper';

/** How a stage is trained: TrainOptions without what the shift itself decides. */
export type StageTraining = Pick<
  CommonTrainOptions,
  | 'epochs'
  | 'maxSteps'
  | 'batchSize'
  | 'batchTokens'
  | 'samplingStrategy'
  | 'gradientAccumulationSteps'
  | 'schedule'
  | 'optimizer'
  | 'weightDecay'
  | 'clipNorm'
  | 'labelSmoothing'
  | 'loss'
  | 'dropout'
  | 'frozenDropout'
>;

export interface ShiftOptions extends Operation {
  /** Hugging Face folder both stages start from. With `firstModel` it is not read. */
  readonly model: string;
  /** The task to keep, and the task to learn after it. Their heads are kept throughout. */
  readonly tasks: readonly [Task, Task];
  /** Rate distributions to compare, with different names; differences are taken to the first. Trained side by side as replicas of one session. */
  readonly distributions: readonly RateDistribution[];
  /** Default `keep`. */
  readonly mode?: ShiftMode;
  /** `keep`: rates of the first stage. Default: the first flat distribution of the list, else flat at 5e-5. */
  readonly firstRates?: RateDistribution;
  /** `keep`: a folder already fine-tuned on the first task, instead of a first stage. */
  readonly firstModel?: string;
  /** Each decides new heads, row order and dropout of one repetition; the same for all distributions, so that they can be compared in pairs. Default [42]. */
  readonly seeds?: readonly number[];
  /** Split that the scores are of. Default `validation`. */
  readonly split?: string;
  readonly training?: StageTraining;
  /** Overrides `training` in the first stage. */
  readonly firstTraining?: StageTraining;
  /** `paper`: whether the second stage goes on with the first's Adam moments (as the paper's code did). Default `fresh`. */
  readonly moments?: 'keep' | 'fresh';
  /** How models are opened. */
  readonly session?: Pick<
    ModelOptions,
    'device' | 'threads' | 'matmul' | 'precision' | 'pool' | 'hiddenDropout' | 'attentionDropout' | 'classifierDropout'
  >;
  readonly onEvent?: (event: ShiftEvent) => void;
}
