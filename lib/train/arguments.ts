/** Hugging Face's TrainingArguments: the names and defaults that mean the same here. */
import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { samplingStrategies } from './batching.ts';
import { check } from './check.ts';
import type { CommonTrainOptions } from './options.ts';

const whole = z.number().int();
const count = whole.positive();
const strategy = z.enum(['no', 'steps', 'epoch']);
/** Steps; below 1 a share of all steps. */
const steps = z
  .number()
  .positive()
  .refine((n) => n < 1 || Number.isInteger(n), 'expected a whole number, or a share below 1');
const kwargs = z.record(z.string(), z.number());

export const trainingArgumentsSchema = z.strictObject({
  num_train_epochs: z.number().positive().default(3),
  max_steps: whole.default(-1),
  per_device_train_batch_size: count.default(8),
  /** lrdist's own: most tokens of a batch, instead of a number of rows. */
  batch_tokens: count.optional(),
  train_sampling_strategy: z.enum(samplingStrategies).default('random'),
  per_device_eval_batch_size: count.default(8),
  gradient_accumulation_steps: count.default(1),
  weight_decay: z.number().min(0).default(0),
  optim: z.enum(['adamw_torch', 'adamw_torch_fused', 'adamw', 'adam']).default('adamw_torch'),
  adam_beta1: z.number().min(0).lt(1).default(0.9),
  adam_beta2: z.number().min(0).lt(1).default(0.999),
  adam_epsilon: z.number().positive().default(1e-8),
  max_grad_norm: z.number().min(0).default(1),
  label_smoothing_factor: z.number().min(0).lt(1).default(0),
  /** lrdist's own: false switches dropout off in the layers below the lowest that learns. */
  frozen_dropout: z.boolean().default(true),
  lr_scheduler_type: z.string().default('linear'),
  lr_scheduler_kwargs: kwargs.optional(),
  warmup_ratio: z.number().min(0).max(1).optional(),
  warmup_steps: z.number().min(0).optional(),
  seed: whole.nonnegative().max(Number.MAX_SAFE_INTEGER).default(42),
  data_seed: whole.nonnegative().max(Number.MAX_SAFE_INTEGER).optional(),
  eval_strategy: strategy.default('no'),
  /** Default: logging_steps. */
  eval_steps: steps.optional(),
  logging_strategy: strategy.default('steps'),
  logging_steps: steps.default(500),
  logging_first_step: z.boolean().default(false),
  save_strategy: z.enum(['no', 'steps', 'epoch', 'best']).default('steps'),
  save_steps: steps.default(500),
  save_total_limit: count.optional(),
  load_best_model_at_end: z.boolean().default(false),
  /** A metric's name, with or without `eval_`. Default: the loss. */
  metric_for_best_model: z.string().min(1).optional(),
  /** Default: true unless the metric is a loss. */
  greater_is_better: z.boolean().optional(),
  /** Evaluations without an improvement after which to stop; the settings of transformers' EarlyStoppingCallback. */
  early_stopping_patience: count.optional(),
  early_stopping_threshold: z.number().min(0).default(0),
});

export type TrainingArguments = z.output<typeof trainingArgumentsSchema>;
export type TrainingArgumentsInput = z.input<typeof trainingArgumentsSchema>;

/** Checks names, values and combinations. @throws ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION */
export function trainingArguments(input: TrainingArgumentsInput): TrainingArguments {
  const args = check(trainingArgumentsSchema, input, 'train');
  const bad = (message: string, remedy: string): LrdistError =>
    new LrdistError('ERR_INVALID_OPTION', message, { remedy });
  if (args.batch_tokens !== undefined && input.per_device_train_batch_size !== undefined)
    throw bad(
      'batch_tokens and per_device_train_batch_size are both given',
      'Leave one out: batches have a number of tokens or a number of rows.',
    );
  if (args.load_best_model_at_end) {
    if (args.eval_strategy === 'no')
      throw bad('load_best_model_at_end needs evaluations while training', 'Add --eval_strategy epoch (or steps).');
    if (args.save_strategy !== 'best' && args.save_strategy !== args.eval_strategy) {
      throw bad(
        `load_best_model_at_end needs save_strategy and eval_strategy to be the same, not "${args.save_strategy}" and "${args.eval_strategy}"`,
        `Add --save_strategy ${args.eval_strategy} or --save_strategy best.`,
      );
    }
    const every = args.eval_steps ?? args.logging_steps;
    if (args.save_strategy === 'steps' && args.save_steps % every !== 0) {
      throw bad(
        `load_best_model_at_end needs save_steps (${args.save_steps}) to be a multiple of eval_steps (${every})`,
        `Set --save_steps ${every}.`,
      );
    }
  }
  if (args.save_strategy === 'best' && args.eval_strategy === 'no')
    throw bad('save_strategy best needs evaluations while training', 'Add --eval_strategy epoch (or steps).');
  if (args.early_stopping_patience !== undefined && !args.load_best_model_at_end) {
    throw bad(
      'early stopping needs load_best_model_at_end',
      'Add --load_best_model_at_end: the steps after the best one are given up.',
    );
  }
  return args;
}

export function greaterIsBetter(args: TrainingArguments): boolean {
  return args.greater_is_better ?? !(args.metric_for_best_model ?? 'loss').endsWith('loss');
}

/** A step setting in steps: shares below 1 are of all steps, rounded up as a Trainer does. */
export function inSteps(value: number, total: number): number {
  return value < 1 ? Math.max(Math.ceil(value * total), 1) : value;
}

/** The part of the arguments that a run itself takes. */
export function runOptions(args: TrainingArguments): Omit<CommonTrainOptions, 'rates'> {
  return {
    epochs: args.num_train_epochs,
    maxSteps: args.max_steps,
    ...(args.batch_tokens === undefined
      ? { batchSize: args.per_device_train_batch_size }
      : { batchTokens: args.batch_tokens }),
    ...(args.train_sampling_strategy === 'random' ? {} : { samplingStrategy: args.train_sampling_strategy }),
    gradientAccumulationSteps: args.gradient_accumulation_steps,
    schedule: {
      lr_scheduler_type: args.lr_scheduler_type as NonNullable<CommonTrainOptions['schedule']>['lr_scheduler_type'] &
        string,
      ...(args.lr_scheduler_kwargs === undefined ? {} : { lr_scheduler_kwargs: args.lr_scheduler_kwargs }),
      ...(args.warmup_steps === undefined ? {} : { warmup_steps: args.warmup_steps }),
      ...(args.warmup_ratio === undefined ? {} : { warmup_ratio: args.warmup_ratio }),
    },
    optimizer: {
      name: args.optim === 'adam' ? 'adam' : 'adamw',
      beta1: args.adam_beta1,
      beta2: args.adam_beta2,
      eps: args.adam_epsilon,
    },
    weightDecay: args.weight_decay,
    clipNorm: args.max_grad_norm,
    labelSmoothing: args.label_smoothing_factor,
    ...(args.frozen_dropout ? {} : { frozenDropout: false }),
    seed: args.data_seed ?? args.seed,
  };
}
