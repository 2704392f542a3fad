import { LrdistError } from '../../errors.ts';
import type { Model } from '../../train/model.ts';
import type { Task } from '../../train/task.ts';

/** Scores and predictions of a fresh classifier mean nothing. @throws ERR_TENSOR_MISSING */
export function requireClassifier(model: Model, task: Pick<Task, 'name'>): void {
  if (model.loaded.savedHead === task.name) return;
  const why = model.loaded.notes.length === 0 ? '' : ` (${model.loaded.notes.join('; ')})`;
  throw new LrdistError('ERR_TENSOR_MISSING', `${model.path} has no classifier for task ${task.name}${why}`, {
    remedy: 'Train one first: lrdist train --model ... --output_dir DIR, then give DIR as --model.',
  });
}
