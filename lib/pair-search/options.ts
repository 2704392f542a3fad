import type { StageTraining } from '../forgetting/options.ts';
import type { PenaltyKind } from '../forgetting/penalties.ts';
import type { RateDistribution } from '../rates/distribution.ts';
import type { ModelOptions } from '../train/model.ts';
import type { Task } from '../train/task.ts';
import type { Objective } from './objective.ts';

/** How the trials of one pair of tasks are trained. */
export interface PairOptions {
  /** Hugging Face folder that everything starts from. */
  readonly model: string;
  /** The task to keep, and the task to learn after it. */
  readonly tasks: readonly [Task, Task];
  /** Split that trials are scored on; default `selection`, rows held out of train. */
  readonly split?: string;
  /** `keep` (default): one first stage for all trials. `paper`: a trial's distribution governs both stages. */
  readonly mode?: 'keep' | 'paper';
  /** `keep`: rates of the first stage. */
  readonly firstRates?: RateDistribution;
  /** `keep`: a folder fine-tuned on the first task, instead of a first stage. */
  readonly firstModel?: string;
  /** Of the second stage, and of the first unless `firstTraining` says otherwise. Epochs are whole, and the longest of a trial: they are what halving saves. Default 3. */
  readonly training?: StageTraining;
  readonly firstTraining?: StageTraining;
  /** `paper`: Adam's moments at the start of the second stage. Default `fresh`. */
  readonly moments?: 'keep' | 'fresh';
  /** Penalty whose strength the candidates give: one that needs no session of its own. Its other numbers are the defaults. */
  readonly penalty?: PenaltyKind;
  /** Default 42. */
  readonly seed?: number;
  readonly objective: Objective;
  readonly session?: Pick<
    ModelOptions,
    'device' | 'threads' | 'matmul' | 'precision' | 'pool' | 'hiddenDropout' | 'attentionDropout' | 'classifierDropout'
  >;
  /** Folder that keeps first stages, so that none is trained twice; false = none. Default: in the cache folder. */
  readonly cache?: string | false;
}
