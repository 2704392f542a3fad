import { LrdistError } from '../errors.ts';
import type { RaggedDataset } from '../data/dataset.ts';

/** Rows with token ids, ready for a session. Labels are class indices or regression targets, NaN where there are none. */
export type EncodedSplit = RaggedDataset;

/**
 * A task as the trainer sees it: a head's shape, encoded rows by split name (`train`, `validation`, `validation_mismatched`, `test`, or any
 * other name), and how predictions are scored. `loadTask` makes one from GLUE or own files; a program may make its own.
 */
export interface Task {
  /** Also the name of the head: letters, digits, `_` and `-`. */
  readonly name: string;
  /** Class names in label order; null for regression (one output). */
  readonly labels: readonly string[] | null;
  readonly splits: Readonly<Record<string, EncodedSplit>>;
  /**
   * Scores of predictions against labels, by Hugging Face's metric names (`accuracy`, `f1`, `matthews_correlation`, `pearson`, `spearmanr`,
   * `combined_score`). Predictions are class indices or regression values.
   */
  score(predictions: Float32Array, labels: Float32Array): Readonly<Record<string, number>>;
  /** The score that stands for the task: best model, `before`, `p_s`, `p_o`. */
  readonly mainMetric: string;
  /** What guessing gets in `mainMetric`; default 0. */
  readonly chance?: number;
  /** Where the rows came from, for records and the model card. */
  readonly dataset?: { readonly name: string; readonly config?: string };
}

/** Outputs of a task's head. */
export function outputsOf(task: Pick<Task, 'labels'>): number {
  return task.labels === null ? 1 : task.labels.length;
}

/** Splits the task is evaluated on after training: `validation`, or MNLI's `validation_matched` and `validation_mismatched`. */
export function evaluationSplits(task: Pick<Task, 'splits'>): readonly string[] {
  return Object.keys(task.splits).filter((name) => name.startsWith('validation'));
}

export function rowsOf(split: EncodedSplit): number {
  return split.offsets.length - 1;
}

/** A split by name; `validation` and `test` also mean MNLI's matched ones. @throws ERR_INVALID_OPTION */
export function splitOf(task: Pick<Task, 'name' | 'splits'>, name: string): EncodedSplit {
  const split = task.splits[name] ?? task.splits[`${name}_matched`];
  if (split === undefined) {
    throw new LrdistError('ERR_INVALID_OPTION', `task ${task.name} has no split "${name}" loaded`, {
      remedy: `Loaded are ${Object.keys(task.splits).join(', ') || 'none'}.`,
    });
  }
  return split;
}

/** Tokens of the longest row. */
export function longestRow(split: EncodedSplit): number {
  let longest = 0;
  for (let r = 1; r < split.offsets.length; r++) longest = Math.max(longest, split.offsets[r]! - split.offsets[r - 1]!);
  return longest;
}
