/** What the published code does otherwise (arXiv 2404.01317, its repository at its last commit). */
import type { StageTraining } from './options.ts';
import type { SequenceOptions } from './sequence-options.ts';

const training: StageTraining = {
  epochs: 3,
  batchSize: 4,
  loss: 'double-softmax',
  dropout: false,
  optimizer: { name: 'adam' },
  weightDecay: 0,
  clipNorm: 0,
  schedule: { lr_scheduler_type: 'paper' },
};

const words: Readonly<Record<keyof StageTraining, string>> = {
  epochs: '3 epochs a stage',
  batchSize: 'batches of 4 rows',
  loss: 'cross-entropy of softmaxed outputs (softmax twice)',
  dropout: 'no dropout in training',
  optimizer: 'Adam',
  weightDecay: 'no weight decay',
  clipNorm: 'no gradient clipping',
  schedule: 'linear warm-up over a tenth of the steps times cosine to 0, in each stage',
  maxSteps: '',
  batchTokens: '',
  samplingStrategy: '',
  gradientAccumulationSteps: '',
  labelSmoothing: '',
  frozenDropout: '',
};

export interface Habits {
  readonly options: SequenceOptions;
  /** By name, what was taken over. */
  readonly taken: Readonly<Record<string, string>>;
}

/** A token budget replaces the number of rows. */
function habitsBeside({ batchTokens }: StageTraining): StageTraining {
  return Object.fromEntries(
    Object.entries(training).filter(([key]) => key !== 'batchSize' || batchTokens === undefined),
  );
}

/** A stage's training with the published habits where it says nothing itself, and where the heads read from. */
export function paperHabitsOf(given: StageTraining): { readonly training: StageTraining; readonly pool: 'cls' } {
  return { training: { ...habitsBeside(given), ...given }, pool: 'cls' };
}

/** The options with the published habits where they say nothing themselves. */
export function withPaperHabits(options: SequenceOptions): Habits {
  const given = options.training ?? {};
  const added = Object.fromEntries(
    Object.entries(habitsBeside(given)).filter(([key]) => given[key as keyof StageTraining] === undefined),
  ) as StageTraining;
  const taken: Record<string, string> = {
    mode: 'one distribution governs all stages',
    metric: 'plain accuracy for every classification task',
    ...Object.fromEntries(Object.keys(added).map((key) => [key, words[key as keyof StageTraining]])),
  };
  if (options.moments === undefined) taken['moments'] = "later stages go on with Adam's moments";
  if (options.session?.pool === undefined) taken['pool'] = 'heads read the raw state of the first token';
  if (options.split === undefined) taken['split'] = 'the validation split serves selection and report alike';
  return {
    options: {
      ...options,
      mode: options.mode ?? 'paper',
      moments: options.moments ?? 'keep',
      training: { ...added, ...given },
      session: { pool: 'cls', ...options.session },
    },
    taken,
  };
}
