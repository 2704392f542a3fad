import { LrdistError } from '../errors.ts';
import type { StageTraining } from '../forgetting/options.ts';
import type { PairOptions } from './options.ts';

type Trainings = Pick<PairOptions, 'training' | 'firstTraining' | 'mode'>;

export function firstTraining({ training, firstTraining: first }: Trainings): StageTraining {
  return { ...training, ...first };
}

export function secondTraining({ training }: Trainings): StageTraining {
  return training ?? {};
}

/** NaN where steps were given in place of epochs. */
export function epochsOf({ epochs = 3, maxSteps = -1 }: StageTraining): number {
  return maxSteps > 0 ? NaN : epochs;
}

/** A trial's last step: the epochs of the second stage; in paper mode those of the first, and one for the second (as the published code counts). */
export function lastStep(options: Trainings): number {
  return options.mode === 'paper' ? epochsOf(firstTraining(options)) + 1 : epochsOf(secondTraining(options));
}

/** Trials are compared, and ended early, at the ends of epochs. @throws ERR_INVALID_OPTION */
export function requireWhole(step: number): void {
  if (Number.isInteger(step) && step >= 1) return;
  throw new LrdistError('ERR_INVALID_OPTION', 'num_train_epochs: a search needs whole epochs', {
    remedy:
      'Trials are compared, and ended early, at the ends of epochs: give a whole number, and leave max_steps out.',
  });
}
