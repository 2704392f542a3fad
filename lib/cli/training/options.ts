import type { Options } from 'yargs';
import { trainingArguments, type TrainingArgumentsInput } from '../../train/arguments.ts';
import { LrdistError } from '../../errors.ts';
import {
  checkpointOptions,
  dataOptions,
  deviceOptions,
  dryRunOption,
  fileDataOptions,
  modelOptions,
  optimizerOptions,
  scheduleOptions,
  trainingOptions,
  unfreezingOptions,
} from '../options.ts';

const define = <const T extends Record<string, Options>>(options: T): T => options;

export const inputOptions = { ...modelOptions, ...dataOptions, ...fileDataOptions, ...deviceOptions };

/** Settings of a Hugging Face command line that change nothing here, and why. */
const withoutEffect = {
  do_train: ['boolean', '`train` always trains'],
  pad_to_max_length: ['boolean', 'rows are packed, never padded'],
  use_fast_tokenizer: ['boolean', 'there is one tokenizer, with the same ids'],
  dataloader_num_workers: ['number', 'the rows lie in memory'],
  dataloader_pin_memory: ['boolean', 'the rows lie in memory'],
  preprocessing_num_workers: ['number', 'tokenizing is quick and cached'],
  full_determinism: ['boolean', 'runs repeat their bits anyway'],
  use_cpu: ['boolean', 'the device is the CPU unless --device names another'],
  gradient_checkpointing: ['boolean', 'it would change no result'],
  disable_tqdm: ['boolean', 'use --quiet for no progress'],
  trust_remote_code: ['boolean', 'no code of a model is ever run'],
} as const satisfies Record<string, readonly [Options['type'], string]>;

/** Settings that would change the result and are not there: refused when switched on. */
const notThere = {
  fp16: 'half precision is bfloat16 here: --bf16',
  dataloader_drop_last: 'the last partial batch is always trained on',
  push_to_hub: 'models are saved to --output_dir only',
} as const;

const hidden: Readonly<Record<string, Options>> = Object.fromEntries<Options>([
  ...Object.entries(withoutEffect).map(([name, [type]]) => [name, { type, hidden: true }] as [string, Options]),
  ...Object.keys(notThere).map((name) => [name, { type: 'boolean', hidden: true }] as [string, Options]),
  ['report_to', { type: 'string', hidden: true }],
]);

export const trainOptions = {
  ...inputOptions,
  ...optimizerOptions,
  ...scheduleOptions,
  ...trainingOptions,
  ...checkpointOptions,
  ...dryRunOption,
  ...define({
    early_stopping_patience: {
      type: 'number',
      requiresArg: true,
      describe: 'stop after this many evaluations without an improvement',
    },
    early_stopping_threshold: {
      type: 'number',
      requiresArg: true,
      defaultDescription: '0',
      describe: 'smallest gain that counts as an improvement',
    },
    ...unfreezingOptions,
    profile: {
      type: 'boolean',
      describe: 'show where the time goes, with profile.json and trace.json in --output_dir',
    },
    logging_first_step: { type: 'boolean', describe: 'log the first step too' },
    evaluation_strategy: {
      type: 'string',
      requiresArg: true,
      choices: ['no', 'steps', 'epoch'],
      describe: 'old name of --eval_strategy',
      hidden: true,
    },
    do_eval: { type: 'boolean', defaultDescription: 'true', describe: 'evaluate at the end' },
    do_predict: { type: 'boolean', describe: 'predict the test rows at the end' },
    max_predict_samples: { type: 'number', requiresArg: true, describe: 'use only this many rows to predict' },
    classifier_input: {
      type: 'string',
      requiresArg: true,
      choices: ['pooler', 'cls'],
      defaultDescription: 'pooler',
      describe: "what the classifier reads: the pooler's output, or the raw [CLS] state",
    },
  }),
  ...hidden,
};

const { per_device_eval_batch_size, output_dir } = trainingOptions;

export const evaluationOptions = {
  ...inputOptions,
  per_device_eval_batch_size,
  output_dir: { ...output_dir, describe: 'folder for eval_results.json' },
  ...define({
    split: {
      type: 'string',
      requiresArg: true,
      choices: ['train', 'validation', 'test'],
      defaultDescription: 'validation',
      describe: 'rows to evaluate on',
    },
  }),
};

export const predictionOptions = {
  ...inputOptions,
  per_device_eval_batch_size,
  output_dir: { ...output_dir, describe: 'folder for the prediction files' },
  ...define({
    split: {
      type: 'string',
      requiresArg: true,
      choices: ['train', 'validation', 'test'],
      defaultDescription: 'test',
      describe: 'rows to predict',
    },
    max_predict_samples: { type: 'number', requiresArg: true, describe: 'use only this many rows to predict' },
  }),
};

export type RawArguments = Readonly<Record<string, string | number | boolean | undefined>>;

/** @returns what to tell the user about options without effect. @throws ERR_INVALID_OPTION for what is not there */
export function noteHidden(args: RawArguments): string[] {
  for (const [name, why] of Object.entries(notThere)) {
    if (args[name] === true)
      throw new LrdistError('ERR_INVALID_OPTION', `--${name} is not supported: ${why}`, {
        remedy: `Leave out --${name}.`,
      });
  }
  const report = args['report_to'];
  if (report !== undefined && report !== 'none') {
    throw new LrdistError('ERR_INVALID_OPTION', `--report_to ${report} is not supported`, {
      remedy: 'Results are in --output_dir (trainer_state.json has the log); use --report_to none.',
    });
  }
  return Object.entries(withoutEffect).flatMap(([name, [, why]]) =>
    args[name] === undefined ? [] : [`--${name} has no effect: ${why}`],
  );
}

const argumentNames = [
  ...[
    'num_train_epochs',
    'max_steps',
    'per_device_train_batch_size',
    'per_device_eval_batch_size',
    'batch_tokens',
    'train_sampling_strategy',
    'gradient_accumulation_steps',
  ],
  ...[
    'weight_decay',
    'optim',
    'adam_beta1',
    'adam_beta2',
    'adam_epsilon',
    'max_grad_norm',
    'label_smoothing_factor',
    'frozen_dropout',
  ],
  ...['lr_scheduler_type', 'lr_scheduler_kwargs', 'warmup_ratio', 'warmup_steps', 'seed', 'data_seed'],
  ...[
    'eval_strategy',
    'eval_steps',
    'logging_strategy',
    'logging_steps',
    'logging_first_step',
    'save_strategy',
    'save_steps',
    'save_total_limit',
  ],
  ...[
    'load_best_model_at_end',
    'metric_for_best_model',
    'greater_is_better',
    'early_stopping_patience',
    'early_stopping_threshold',
  ],
] as const;

/** The TrainingArguments among a command line's options. */
export function trainingInput(args: RawArguments): TrainingArgumentsInput {
  const input: Record<string, unknown> = {};
  for (const name of argumentNames) if (args[name] !== undefined) input[name] = args[name];
  if (args['evaluation_strategy'] !== undefined) input['eval_strategy'] ??= args['evaluation_strategy'];
  if (args['group_by_length'] === true) input['train_sampling_strategy'] ??= 'group_by_length';
  if (typeof input['lr_scheduler_kwargs'] === 'string') {
    try {
      input['lr_scheduler_kwargs'] = JSON.parse(input['lr_scheduler_kwargs']);
    } catch (error) {
      throw new LrdistError('ERR_INVALID_OPTION', `--lr_scheduler_kwargs is not JSON: ${(error as Error).message}`, {
        remedy: 'Write it like {"num_cycles": 2}.',
      });
    }
  }
  return input;
}

/** --per_device_eval_batch_size, or Hugging Face's default. @throws ERR_INVALID_OPTION */
export function batchSizeOf(args: RawArguments): number {
  return trainingArguments(
    args['per_device_eval_batch_size'] === undefined
      ? {}
      : { per_device_eval_batch_size: args['per_device_eval_batch_size'] as number },
  ).per_device_eval_batch_size;
}
