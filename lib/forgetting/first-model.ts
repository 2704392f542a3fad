import { LrdistError } from '../errors.ts';
import type { Model } from '../train/model.ts';

/** A folder given instead of a first stage must have learned the first task. @throws ERR_MODEL_UNSUPPORTED */
export function requireHead(model: Model, task: string, path: string): void {
  if (model.loaded.savedHead === task) return;
  throw new LrdistError(
    'ERR_MODEL_UNSUPPORTED',
    `${path} has no classifier trained on ${task}${model.loaded.notes.map((note) => `; ${note}`).join('')}`,
    {
      remedy: `Give a folder that was fine-tuned on ${task} (its config.json says so in "finetuning_task"), or leave firstModel out.`,
    },
  );
}
