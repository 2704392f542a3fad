import type { NativeMasking } from '../native/boundary.ts';
import type { RateDistribution } from '../rates/distribution.ts';
import type { Operation } from '../train/model.ts';
import type { EncodedSplit, Task } from '../train/task.ts';
import type { MeasureOptions } from './measure/index.ts';
import type { ShiftMode, ShiftOptions, StageTraining } from './options.ts';
import type { StagedPenalty } from './penalties.ts';

export interface SequenceOptions extends Operation {
  /** Hugging Face folder that everything starts from. With `firstModel` it is not read. */
  readonly model: string;
  /** Two or more, in the order of learning, with different names. */
  readonly tasks: readonly Task[];
  /** Rate distributions with different names; `stages` of a distribution are those of the sequence. */
  readonly distributions: readonly RateDistribution[];
  /** Every one is combined with every distribution; differences are taken to the first combination. Default `['none']`. */
  readonly penalties?: readonly (string | StagedPenalty)[];
  /** `keep` (default): one first stage for each seed, copied for all. `paper`: a combination governs every stage. */
  readonly mode?: ShiftMode;
  /** Everything as the published code has it: paper mode, and training options that are not given (see paperHabits). */
  readonly protocol?: 'paper';
  /** `own` (default): a head for each task; `same`: one for all, which must then have the same labels. */
  readonly heads?: 'own' | 'same';
  /** Adam's moments at the start of each stage after the first; one for all or one for each, beyond the last the last. Default `fresh`. */
  readonly moments?: 'keep' | 'fresh' | readonly ('keep' | 'fresh')[];
  /** `given` (default), all permutations, or so many of them, drawn by the first seed. */
  readonly orders?: 'given' | 'all' | number;
  /** `keep`: rates of the first stage. Default: the first flat distribution, else flat at 5e-5. */
  readonly firstRates?: RateDistribution;
  /** `keep`: a folder fine-tuned on the first task instead of a first stage. */
  readonly firstModel?: string;
  /** Default [42]. */
  readonly seeds?: readonly number[];
  /** Split that scores are of. Default `validation`. */
  readonly split?: string;
  readonly training?: StageTraining;
  /** Overrides `training` by stage, the first stage first. */
  readonly stages?: readonly StageTraining[];
  /** Also score tasks before they are learned, through their new heads: forward transfer. Default: with one head for all, or more than two tasks. */
  readonly zeroShot?: boolean;
  /** Also train every task alone with every distribution: intransigence. Default false. */
  readonly reference?: boolean;
  /** Of `ewc`, `ewc-online` and `child-d`: how many train rows (default 1000, or all where there are fewer), and whose labels (default the rows' own). */
  readonly fisher?: { readonly rows?: number; readonly labels?: 'data' | 'model' };
  /**
   * Of `ewc-pretrained`: text rows, and how they are masked. `retrainHead` trains the language-model head on the text first, on rows that the Fisher information is
   * not of where there are enough: for checkpoints without such a head, or with one that was trained for something else.
   */
  readonly pretraining?: {
    readonly dataset: EncodedSplit;
    readonly masking: NativeMasking;
    readonly retrainHead?: boolean;
  };
  /**
   * What happens within each stage after the first: to the weights, and to what is known of the first task. Default: nothing is measured. With `masked_lm` the model
   * has a language-model head, which the distributions must have a group for.
   */
  readonly measure?: MeasureOptions | boolean;
  readonly session?: ShiftOptions['session'];
}
