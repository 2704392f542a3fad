/** What is left of the language model that the weights were before. */
import { LrdistError } from '../../errors.ts';
import type { NativeMasking } from '../../native/boundary.ts';
import type { RateDistribution } from '../../rates/distribution.ts';
import type { Measured } from '../../report/measures-record.ts';
import type { Model, Operation } from '../../train/model.ts';
import { withSignal } from '../../train/native-errors.ts';
import { type EncodedSplit, rowsOf } from '../../train/task.ts';
import { measured } from './parts.ts';

const batchTokens = 2048;

export interface HeldText {
  /** Rows of `encodeText`. */
  readonly rows: EncodedSplit;
  /** `maskingOf` the tokenizer. */
  readonly masking: NativeMasking;
}

export interface MaskedLmLoss {
  /** Mean loss of a masked token in nats, by replica. */
  readonly losses: readonly Measured[];
  /** Masked tokens it is the mean of. */
  readonly tokens: number;
}

/**
 * Masked-LM loss of every replica. Which tokens are masked depends on the model's seed and the row alone, so losses of the same rows at different times are paired.
 *
 * The loss means something only if the head was trained as a language model's: see `retrainHead`.
 *
 * @throws ERR_INVALID_OPTION without a masked-LM head, or if no token was masked
 */
export async function maskedLmLoss(
  model: Model,
  { rows, masking }: HeldText,
  options: Operation & { readonly chosen?: Int32Array } = {},
): Promise<MaskedLmLoss> {
  const { session } = model;
  const head = model.head(maskedLmHead(model));
  const { chosen, signal } = options;
  const values = await withSignal(session, signal, () =>
    session.evaluate({
      head,
      dataset: model.dataset(rows),
      ...(chosen === undefined ? {} : { rows: chosen }),
      want: 'losses',
      loss: 'masked-lm',
      masking,
      batchTokens,
    }),
  );
  const count = chosen?.length ?? rowsOf(rows);
  const sums = Array.from({ length: model.replicas }, (_, k) => {
    let loss = 0;
    let tokens = 0;
    for (let r = 0; r < count; r++) {
      loss += values[(k * count + r) * 2]!;
      tokens += values[(k * count + r) * 2 + 1]!;
    }
    return { loss, tokens };
  });
  const { tokens } = sums[0]!;
  if (tokens === 0)
    throw new LrdistError('ERR_INVALID_OPTION', 'no token of the held text was masked', {
      remedy: 'Give more rows of text.',
    });
  return { losses: sums.map(({ loss }) => measured(loss / tokens)), tokens };
}

export interface RetrainOptions extends Operation {
  /** Default 3. */
  readonly epochs?: number;
  /** Default 16. */
  readonly batchSize?: number;
  /** Default 3e-3. */
  readonly rate?: number;
}

export interface RetrainResult {
  readonly steps: number;
  readonly seconds: number;
  /** Loss of each step, by replica. */
  readonly losses: readonly Float32Array[];
}

/**
 * Trains the masked-LM head alone (`cls.predictions.*`) on text: the body, the tied word embeddings among it, keeps its bits, and dropout is off. For checkpoints whose
 * head was trained for something else (SPLADE's term weights) or is new: before it the loss, and a Fisher of it, say nothing about the language model.
 * Do it before the first stage; stages after it run as they would have run without it, unless they go on with Adam's moments.
 *
 * @throws ERR_INVALID_OPTION without a masked-LM head, ERR_LOSS_NOT_FINITE
 */
export async function retrainHead(model: Model, text: HeldText, options: RetrainOptions = {}): Promise<RetrainResult> {
  const head = maskedLmHead(model);
  const { signal, rate = 3e-3, epochs = 3, batchSize = 16 } = options;
  const { steps } = model;
  try {
    const result = await model.train({
      head,
      dataset: text.rows,
      masking: text.masking,
      rates: headOnly(rate, model.config.num_hidden_layers),
      epochs,
      batchSize,
      schedule: { lr_scheduler_type: 'linear', warmup_ratio: 0.1 },
      dropout: false,
      loggingSteps: 0,
      ...(signal === undefined ? {} : { signal }),
    }).result;
    return { steps: result.steps, seconds: result.seconds, losses: result.losses };
  } finally {
    // The dropout masks of the stages to come do not depend on whether the head was trained.
    model.steps = steps;
  }
}

/** Name of the model's masked-LM head. @throws ERR_INVALID_OPTION */
export function maskedLmHead(model: Pick<Model, 'heads'>): string {
  const head = model.heads.find(({ kind }) => kind === 'masked-lm');
  if (head === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'the model was opened without a masked-LM head', {
      remedy: 'Open it with heads: [{ name: "mlm", kind: "masked-lm" }].',
    });
  return head.name;
}

function headOnly(rate: number, layers: number): RateDistribution {
  return {
    name: 'masked-lm-head-only',
    layers,
    groups: [
      { name: 'masked_lm_head', match: ['cls.predictions.*'] },
      { name: 'rest', match: ['*'] },
    ],
    stages: [{ masked_lm_head: rate, rest: 0 }],
    base: rate,
    provenance: { made_for: 'retraining the masked-LM head' },
  };
}
