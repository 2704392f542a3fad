/** Results under Hugging Face's names. */
import type { Scores } from './model.ts';
import type { RunResult } from './run.ts';

export type Metrics = Readonly<Record<string, number>>;

/**
 * `eval_loss`, `eval_accuracy`, ... of one split; a Trainer's keys. `suffix` is `_mm` for MNLI's mismatched rows, as run_glue has it.
 * Time is that of all replicas together.
 */
export function evalMetrics(
  scores: Scores,
  options: { samples: number; batches: number; seconds: number; epoch?: number; suffix?: string },
): Metrics {
  const { samples, batches, seconds, suffix = '' } = options;
  const plain: Record<string, number> = {
    ...(Number.isNaN(scores.loss) && Object.keys(scores.metrics).length === 0 ? {} : { eval_loss: scores.loss }),
    ...Object.fromEntries(Object.entries(scores.metrics).map(([name, value]) => [`eval_${name}`, value])),
    eval_runtime: seconds,
    eval_samples: samples,
    eval_samples_per_second: samples / seconds,
    eval_steps_per_second: batches / seconds,
  };
  return {
    ...(options.epoch === undefined ? {} : { epoch: options.epoch }),
    ...Object.fromEntries(Object.entries(plain).map(([name, value]) => [name + suffix, value])),
  };
}

/** `_mm` for `validation_mismatched`, else nothing. */
export function suffixOf(split: string): string {
  return split.endsWith('_mismatched') ? '_mm' : '';
}

/** `train_loss`, `train_runtime`, ... of one replica. `train_loss` is the mean over all steps. */
export function trainMetrics(
  result: RunResult,
  replica: number,
  options: { samples: number; parameters: number },
): Metrics {
  const losses = result.losses[replica]!;
  return {
    epoch: result.epochs,
    train_loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
    train_runtime: result.seconds,
    train_samples: options.samples,
    train_samples_per_second: result.rows / result.seconds,
    train_steps_per_second: result.steps / result.seconds,
    train_tokens_per_second: result.tokens / result.seconds,
    // The usual estimate, forward and backward: 6 operations for each token and weight outside the embeddings.
    total_flos: 6 * result.tokens * options.parameters,
  };
}

/** Elements of all parameters but the embeddings' tables. */
export function weightsOutsideEmbeddings(
  parameters: readonly { readonly name: string; readonly shape: readonly number[] }[],
): number {
  return parameters
    .filter(({ name }) => !/_embeddings\.weight$/.test(name))
    .reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
}
