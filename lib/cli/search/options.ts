/** Options of `lrdist search` and what `lrdist worker` shares with it. */
import type { Options } from 'yargs';
import { objectiveHelp } from '../../pair-search/objective.ts';
import { searchPenaltyNames } from '../../pair-search/penalty.ts';
import { groupingForms } from '../../rates/groupings.ts';
import { parametrisations } from '../../rates/parametrisations/index.ts';
import { prunerNames } from '../../search/pruners/create.ts';
import { samplerNames } from '../../search/samplers/create.ts';
import {
  dataOptions,
  deviceOptions,
  dryRunOption,
  modelOptions,
  optimizerOptions,
  scheduleOptions,
  trainingOptions,
} from '../options.ts';

const define = <const T extends Record<string, Options>>(options: T): T => options;

const text = (describe: string, defaultDescription?: string): Options => ({
  type: 'string',
  requiresArg: true,
  describe,
  ...(defaultDescription === undefined ? {} : { defaultDescription }),
});
const number = (describe: string, defaultDescription?: string): Options => ({
  ...text(describe, defaultDescription),
  type: 'number',
});
const flag = (describe: string): Options => ({ type: 'boolean', describe });

export const storageOption = {
  storage: text(
    'where studies are: FILE.db (SQLite), postgres://USER@HOST/DATABASE, or FILE.log (journal of Optuna)',
    '$LRDIST_STORAGE',
  ),
};

/** How a process takes part in a study. */
export const workerOptions = define({
  trials_per_batch: number('trials trained side by side', '4'),
  processes: number(
    'child processes that train; a crash costs one batch',
    'none: this process; of several devices one each',
  ),
  async: flag('ask for the next trials as soon as there is room, instead of in rounds'),
  lease: number('seconds after which others take over the trials of a worker that is not heard of', '60'),
  attempts: number('attempts at a trial that may be lost with their worker before it has failed', '3'),
});

const spaceOptions = define({
  objective: text(`what is searched for: ${objectiveHelp.join('; ')}`, 'sum'),
  grouping: text(`groups with a rate: ${groupingForms.join(', ')} (+pooler)`, 'layer'),
  parametrisation: text(
    `numbers that stand for the rates of the groups: ${Object.values(parametrisations)
      .map(({ form }) => form)
      .join(', ')}`,
    'free: a rate for every group',
  ),
  rate_range: text('LOW:HIGH of every rate', '1e-6:1e-3, of the heads 1e-5:1e-2'),
  range: { ...text('NAME=LOW:HIGH of one dimension; may be repeated'), type: 'array', string: true },
  stages: {
    ...text('paper mode: the same rates in both stages, or each its own', 'same'),
    choices: ['same', 'own'],
  },
  search_weight_decay: text('LOW:HIGH: search the weight decay too'),
  search_warmup_ratio: text('LOW:HIGH: search the share of steps with rising rate too'),
  search_epochs: text('LOW:HIGH: search the epochs of the second stage too'),
  penalty: text(`train with a penalty: ${searchPenaltyNames.join(', ')}`),
  search_penalty: text('LOW:HIGH: search its strength too'),
});

const { num_train_epochs, per_device_train_batch_size, batch_tokens, train_sampling_strategy, group_by_length } =
  trainingOptions;
const { gradient_accumulation_steps, output_dir, seed } = trainingOptions;
const { data_dir, max_seq_length, max_train_samples } = dataOptions;
const { model_name_or_path, model_revision, cache_dir } = modelOptions;
const {
  optim,
  weight_decay,
  adam_beta1,
  adam_beta2,
  adam_epsilon,
  max_grad_norm,
  label_smoothing_factor,
  frozen_dropout,
} = optimizerOptions;

export const placeOptions = define({
  model_name_or_path,
  model_revision,
  cache_dir,
  data_dir,
  ...deviceOptions,
  device: {
    ...deviceOptions.device,
    describe:
      'devices that trials are spread over, a child process for each: cpu, cuda (all GPUs), cuda:N, cuda:0,cuda:1 (these), or auto (the GPUs if there are any)',
  },
});

export const searchOptions = define({
  tasks: text('the task to keep and the task to learn after it, as qnli,sst2'),
  pairs: text('several pairs, one study each, one after the other: qnli,sst2;stsb,sst2'),
  trials: number('trials of each study in the end', '50'),
  study: text('name of the study; of several NAME/FIRST-SECOND', 'FIRST-SECOND'),
  storage: {
    ...storageOption.storage,
    defaultDescription: '$LRDIST_STORAGE, else lrdist-search.db in --output_dir or here',
  },
  resume: flag('go on with a study that is there'),
  transfer: text('studies in the same storage, with commas, whose good trials are tried first and searched around'),
  sampler: text(
    `NAME or NAME:key=value,...: ${samplerNames.join(', ')}; paper: gp and pruner paper on depth:10, rates 1e-7:1e-3, flat 1e-5 first`,
    'tpe',
  ),
  pruner: text(`NAME or NAME:key=value,...: ${prunerNames.join(', ')}`, 'none'),
  known: { ...flag('try flat rates and the built-in shapes first'), defaultDescription: 'true' },
  ...spaceOptions,
  mode: {
    ...text('keep: one first stage shared by all; paper: a distribution governs both stages', 'keep'),
    choices: ['keep', 'paper'],
  },
  protocol: {
    ...text('paper: the habits of the published code, and scores on the validation split'),
    choices: ['paper'],
  },
  first_rates: text('keep mode: rates of the first stage', '5e-5'),
  first_model: text('keep mode: folder already fine-tuned on the first task, instead of a first stage'),
  first_num_train_epochs: number('epochs of the first stage, if not --num_train_epochs'),
  selection_rows: number('rows held out of train that trials are scored on', 'a tenth, at least 1,000'),
  finalists: number('repeat so many of the best trials and the best flat rate under other seeds, and choose by that'),
  finalist_seeds: number('seeds that they are repeated under', '3'),
  ...workerOptions,
  launcher: {
    ...text(
      'where trials run: here, as a Slurm job array of workers, or nowhere yet (none: only begin the study)',
      'local',
    ),
    choices: ['local', 'slurm', 'none'],
  },
  workers: number('slurm and none: workers that are to share the trials', '1'),
  slurm: { ...text('slurm: KEY=VALUE, a further directive of sbatch; may be repeated'), type: 'array', string: true },
  print: flag('slurm: print the script and stop'),
  wait: { ...flag('slurm: wait until the study is finished'), defaultDescription: 'true' },
  ...placeOptions,
  max_seq_length,
  max_train_samples,
  optim,
  weight_decay,
  adam_beta1,
  adam_beta2,
  adam_epsilon,
  max_grad_norm,
  label_smoothing_factor,
  frozen_dropout,
  ...scheduleOptions,
  num_train_epochs: { ...num_train_epochs, describe: 'passes over the training rows, whole' },
  per_device_train_batch_size,
  batch_tokens,
  train_sampling_strategy,
  group_by_length,
  gradient_accumulation_steps,
  classifier_input: {
    ...text("what classifiers read: the pooler's output, or the raw [CLS] state (the paper's way)", 'pooler'),
    choices: ['pooler', 'cls'],
  },
  seed: { ...seed, describe: 'seed of the trials (new heads, row order, dropout) and of the sampler' },
  output_dir: { ...output_dir, describe: 'folder for trials.csv, best.rates.json and search.json' },
  overwrite_output_dir: flag('replace results that are there'),
  ...dryRunOption,
});

export type SearchArguments = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
