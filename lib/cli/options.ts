import type { Options } from 'yargs';
import { samplingStrategies } from '../train/batching.ts';
import { scheduleNames } from '../rates/schedule.ts';

/**
 * Option definitions that commands share, with Hugging Face's names and, where it has one, its default. No option sets a
 * yargs default: an option that was not given is undefined, and lib/train fills it in. `defaultDescription` is only help text.
 */
const define = <const T extends Record<string, Options>>(options: T): T => options;

export const modelOptions = define({
  model_name_or_path: {
    alias: 'model',
    type: 'string',
    requiresArg: true,
    describe: 'Hugging Face BERT folder, or a model id of the hub',
  },
  tokenizer_name: { type: 'string', requiresArg: true, describe: 'folder or id of the tokenizer, if not the model' },
  model_revision: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'main',
    describe: 'branch, tag or commit of the hub model',
  },
  cache_dir: { type: 'string', requiresArg: true, describe: 'folder for downloaded models' },
});

export const dataOptions = define({
  task_name: {
    alias: 'task',
    type: 'string',
    requiresArg: true,
    describe: 'GLUE task: cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte, wnli',
  },
  data_dir: {
    type: 'string',
    requiresArg: true,
    describe: 'folder of GLUE task folders (MRPC/train.tsv, SST-2/dev.tsv, ...)',
  },
  max_seq_length: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '128',
    describe: 'longest input in tokens; longer ones are cut',
  },
  max_train_samples: { type: 'number', requiresArg: true, describe: 'use only this many training rows' },
  max_eval_samples: { type: 'number', requiresArg: true, describe: 'use only this many evaluation rows' },
});

export const fileDataOptions = define({
  train_file: { type: 'string', requiresArg: true, describe: 'own training file: .csv, .tsv, .json or .jsonl' },
  validation_file: { type: 'string', requiresArg: true, describe: 'own evaluation file' },
  test_file: { type: 'string', requiresArg: true, describe: 'own file to predict' },
  text_column_names: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'sentence1,sentence2, else the first two others',
    describe: 'text column of own files, or two with a comma',
  },
  label_column_name: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'label',
    describe: 'label column of own files',
  },
  do_regression: { type: 'boolean', describe: 'labels of own files are numbers to predict' },
  overwrite_cache: { type: 'boolean', describe: 'tokenize again instead of reading the cache' },
  token_cache: {
    type: 'boolean',
    defaultDescription: 'true',
    describe: 'keep token ids of GLUE splits and own files in the cache folder',
  },
});

export const optimizerOptions = define({
  learning_rate: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '5e-5',
    describe: 'one rate for everything (the same as --rates NUMBER)',
  },
  rates: {
    type: 'string',
    requiresArg: true,
    describe: 'rate distribution: a number, a *.rates.json file, or NAME@BASE (see lrdist rates list)',
  },
  optim: { type: 'string', requiresArg: true, defaultDescription: 'adamw_torch', describe: 'adamw_torch or adam' },
  weight_decay: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '0',
    describe: 'decay, never on biases and LayerNorm',
  },
  adam_beta1: { type: 'number', requiresArg: true, defaultDescription: '0.9', describe: "Adam's beta1" },
  adam_beta2: { type: 'number', requiresArg: true, defaultDescription: '0.999', describe: "Adam's beta2" },
  adam_epsilon: { type: 'number', requiresArg: true, defaultDescription: '1e-8', describe: "Adam's epsilon" },
  max_grad_norm: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '1',
    describe: 'clip the gradient norm at this; 0 = do not',
  },
  label_smoothing_factor: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '0',
    describe: 'share of the label spread over all classes, in eval_loss too',
  },
  frozen_dropout: {
    type: 'boolean',
    defaultDescription: 'true',
    describe:
      'dropout also in frozen layers below the lowest that learns; without it they run once for each row, not once an epoch',
  },
});

export const scheduleOptions = define({
  lr_scheduler_type: {
    type: 'string',
    requiresArg: true,
    choices: scheduleNames,
    defaultDescription: 'linear',
    describe: 'course of the rate over the steps',
  },
  lr_scheduler_kwargs: {
    type: 'string',
    requiresArg: true,
    describe: 'further settings of the schedule as JSON, such as {"num_cycles": 2}',
  },
  warmup_ratio: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '0',
    describe: 'share of the steps with rising rate',
  },
  warmup_steps: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '0',
    describe: 'steps with rising rate; below 1, a share',
  },
});

export const trainingOptions = define({
  output_dir: { type: 'string', requiresArg: true, describe: 'folder for the trained model and the results' },
  overwrite_output_dir: { type: 'boolean', describe: 'start anew in an output folder that has a checkpoint' },
  num_train_epochs: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '3',
    describe: 'passes over the training rows',
  },
  max_steps: {
    type: 'number',
    requiresArg: true,
    describe: 'stop after this many optimizer steps, whatever the epochs',
  },
  per_device_train_batch_size: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '8',
    describe: 'rows in a training batch',
  },
  batch_tokens: {
    type: 'number',
    requiresArg: true,
    describe: 'most tokens in a training batch, instead of a number of rows',
  },
  train_sampling_strategy: {
    type: 'string',
    requiresArg: true,
    choices: samplingStrategies,
    defaultDescription: 'random',
    describe: 'order of the rows in an epoch',
  },
  group_by_length: { type: 'boolean', describe: 'the same as --train_sampling_strategy group_by_length' },
  per_device_eval_batch_size: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '8',
    describe: 'rows in an evaluation batch',
  },
  gradient_accumulation_steps: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '1',
    describe: 'batches added up for one step',
  },
  seed: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '42',
    describe: 'seed of new heads, row order and dropout',
  },
  data_seed: { type: 'number', requiresArg: true, describe: 'seed of the row order, if not --seed' },
});

export const checkpointOptions = define({
  eval_strategy: {
    type: 'string',
    requiresArg: true,
    choices: ['no', 'steps', 'epoch'],
    defaultDescription: 'no',
    describe: 'when to evaluate while training',
  },
  eval_steps: { type: 'number', requiresArg: true, describe: 'evaluate every so many steps' },
  logging_strategy: {
    type: 'string',
    requiresArg: true,
    choices: ['no', 'steps', 'epoch'],
    defaultDescription: 'steps',
    describe: 'when to write a line of log_history',
  },
  logging_steps: { type: 'number', requiresArg: true, defaultDescription: '500', describe: 'log every so many steps' },
  save_strategy: {
    type: 'string',
    requiresArg: true,
    choices: ['no', 'steps', 'epoch', 'best'],
    defaultDescription: 'steps',
    describe: 'when to save a checkpoint',
  },
  save_steps: { type: 'number', requiresArg: true, defaultDescription: '500', describe: 'save every so many steps' },
  save_total_limit: { type: 'number', requiresArg: true, describe: 'keep only this many checkpoints' },
  load_best_model_at_end: { type: 'boolean', describe: 'end with the best checkpoint instead of the last' },
  metric_for_best_model: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'loss',
    describe: 'metric that says which is best',
  },
  greater_is_better: { type: 'boolean', describe: 'whether that metric should rise' },
  resume_from_checkpoint: {
    type: 'string',
    requiresArg: true,
    describe: 'checkpoint folder, or true for the last in --output_dir',
  },
});

export const deviceOptions = define({
  device: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'cpu',
    describe:
      'device to compute on: cpu, cuda (the first GPU), cuda:N, or auto (the first GPU if there is one); one job on several GPUs: cuda:0,cuda:1 or cuda:all',
  },
  threads: { type: 'number', requiresArg: true, describe: 'compute threads' },
  bf16: { type: 'boolean', describe: 'compute in bfloat16, with weights and their update in fp32' },
  tf32: { type: 'boolean', describe: 'GPUs: matrix products of fp32 in tf32, faster and rounded to 10 bits' },
});

/** For commands that can say what they would do. */
export const unfreezingOptions = define({
  unfreeze: {
    type: 'string',
    requiresArg: true,
    describe:
      'gradual unfreezing: heads first, then one layer more after each so many steps (200) or epochs (0.2epochs)',
  },
});

export const dryRunOption = define({
  dry_run: { type: 'boolean', describe: 'say what would run and how long it would take, and stop' },
});

/** Every command has these; cli.ts adds them. */
export const commonOptions = define({
  json: { type: 'boolean', describe: 'print one JSON document; errors as JSON too' },
  config: { type: 'string', requiresArg: true, describe: 'JSON or YAML file of these options; the command line wins' },
  timeout: { type: 'number', requiresArg: true, describe: 'stop after this many seconds' },
  quiet: { type: 'boolean', describe: 'no progress' },
});

/** What every command's arguments have, after cli.ts added its own options. */
export interface CommonArguments {
  readonly json?: boolean | undefined;
  readonly timeout?: number | undefined;
  readonly quiet?: boolean | undefined;
}
