/** Options of `lrdist shift`, and ShiftOptions from them. */
import type { Options } from 'yargs';
import { LrdistError } from '../errors.ts';
import type { ShiftMode, ShiftOptions } from '../forgetting/options.ts';
import { planShift } from '../forgetting/plan.ts';
import { sequenceOf } from '../forgetting/shift-seed.ts';
import { resolveModel } from '../data/hub.ts';
import { loadRates } from '../rates/parse.ts';
import type { RateDistribution } from '../rates/distribution.ts';
import { runOptions, trainingArguments } from '../train/arguments.ts';
import type { Task } from '../train/task.ts';
import { readConfig } from '../train/config.ts';
import {
  dataOptions,
  deviceOptions,
  dryRunOption,
  fileDataOptions,
  modelOptions,
  optimizerOptions,
  scheduleOptions,
  trainingOptions,
  unfreezingOptions,
} from './options.ts';
import type { CommandContext } from './run.ts';
import { sequenceOptions } from './sequence-options.ts';
import { shiftUnfreezing } from './shift-unfreezing.ts';
import { modelFolder, optional, precisionOf, taskOf } from './training/inputs.ts';
import { type RawArguments, trainingInput } from './training/options.ts';

const define = <const T extends Record<string, Options>>(options: T): T => options;

/** The shared definitions, less those named. */
function without<T extends Record<string, Options>, K extends keyof T>(options: T, ...names: readonly K[]): Omit<T, K> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name as K))) as Omit<T, K>;
}

export const shiftOptions = define({
  tasks: {
    type: 'string',
    requiresArg: true,
    describe: 'two tasks or more in the order of learning, as qnli,sst2; one with --shift length or embedding',
  },
  rates: {
    type: 'string',
    requiresArg: true,
    describe: 'distributions to compare, with commas: numbers, *.rates.json files, NAME@BASE (see lrdist rates list)',
  },
  learning_rate: {
    type: 'number',
    requiresArg: true,
    defaultDescription: "the name's own",
    describe: 'base of names in --rates that have no @',
  },
  mode: {
    type: 'string',
    requiresArg: true,
    choices: ['keep', 'paper'],
    defaultDescription: 'keep',
    describe: 'keep: one first stage shared by all; paper: a distribution governs all stages',
  },
  first_rates: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'the first flat of --rates, else 5e-5',
    describe: 'keep mode: rates of the first stage',
  },
  first_model: {
    type: 'string',
    requiresArg: true,
    describe: 'keep mode: folder already fine-tuned on the first task, instead of a first stage',
  },
  first_num_train_epochs: {
    type: 'number',
    requiresArg: true,
    describe: 'epochs of the first stage, if not --num_train_epochs',
  },
  keep_moments: { type: 'boolean', describe: "paper mode: later stages go on with Adam's moments" },
  ...sequenceOptions,
  seeds: {
    type: 'string',
    requiresArg: true,
    defaultDescription: '1',
    describe: 'number of seeds, counted from --seed, or a list such as 1,2,5',
  },
  seed: { type: 'number', requiresArg: true, defaultDescription: '42', describe: 'the first seed' },
  ...modelOptions,
  ...without(dataOptions, 'task_name'),
  overwrite_cache: fileDataOptions.overwrite_cache,
  token_cache: fileDataOptions.token_cache,
  ...deviceOptions,
  ...without(optimizerOptions, 'rates', 'learning_rate'),
  ...scheduleOptions,
  ...unfreezingOptions,
  ...without(trainingOptions, 'seed', 'data_seed', 'output_dir', 'overwrite_output_dir', 'per_device_eval_batch_size'),
  classifier_input: {
    type: 'string',
    requiresArg: true,
    choices: ['pooler', 'cls'],
    defaultDescription: 'pooler',
    describe: "what classifiers read: the pooler's output, or the raw [CLS] state (the paper's way)",
  },
  output_dir: { type: 'string', requiresArg: true, describe: 'folder for the record, shift.json' },
  overwrite_output_dir: { type: 'boolean', describe: 'replace a record that is there' },
  ...dryRunOption,
});

const text = (args: RawArguments, name: string): string | undefined => args[name] as string | undefined;

/** What a shift of two tasks and a longer sequence have in common. */
export type SharedOptions = Omit<ShiftOptions, 'tasks' | 'onEvent'> & { readonly tasks: readonly Task[] };

/** The options of a shift, from what both have in common. @throws ERR_INVALID_OPTION */
export function shiftFrom(args: RawArguments, shared: SharedOptions): ShiftOptions {
  const [first, second] = shared.tasks;
  const options: ShiftOptions = { ...shared, tasks: [first!, second!] };
  return { ...options, ...shiftUnfreezing(args, sequenceOf(planShift(options))) };
}

/** Reads models, rates and data. @throws LrdistError of many codes */
export async function readShared(args: RawArguments, context: CommandContext): Promise<SharedOptions> {
  const names = taskNames(args);
  const seeds = seedsOf(text(args, 'seeds') ?? '1', (args['seed'] as number | undefined) ?? 42);
  const training = trainingOf(args);
  const firstModel = await firstFolder(args, context);
  // A given first model is what training starts from: --model may then be left out.
  const model =
    firstModel !== undefined && args['model_name_or_path'] === undefined
      ? firstModel
      : await modelFolder(args, context);
  const { num_hidden_layers: layers } = await readConfig(firstModel ?? model);
  const base = args['learning_rate'] as number | undefined;
  const distributions = await loadRates(required(args, 'rates', 'flat@2e-4,fast-head@1e-4'), { layers, base });
  const load = (task: string): ReturnType<typeof taskOf> =>
    taskOf({ ...args, task_name: task }, firstModel ?? model, ['train', 'validation'], context, false);
  const tasks: Task[] = [];
  for (const name of names) {
    const task = await load(name);
    for (const note of task.notes) context.output.note(`${task.name}, ${note}`);
    tasks.push(task);
  }
  const firstEpochs = args['first_num_train_epochs'] as number | undefined;
  return {
    model,
    tasks,
    distributions,
    seeds,
    training,
    signal: context.signal,
    session: {
      ...optional('device', text(args, 'device')),
      ...optional('threads', args['threads'] as number | undefined),
      ...precisionOf(args),
      ...optional('pool', args['classifier_input'] as 'pooler' | 'cls' | undefined),
    },
    ...optional('mode', args['mode'] as ShiftMode | undefined),
    ...optional('firstRates', await firstRates(args, layers, base)),
    ...optional('firstModel', firstModel),
    ...(firstEpochs === undefined ? {} : { firstTraining: { epochs: firstEpochs } }),
    ...(args['keep_moments'] === true ? { moments: 'keep' as const } : {}),
  };
}

function required(args: RawArguments, name: string, example: string): string {
  const value = text(args, name);
  if (value === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', `--${name} is missing`, { remedy: `For example --${name} ${example}` });
  return value;
}

function taskNames(args: RawArguments): readonly string[] {
  const given = required(args, 'tasks', 'qnli,sst2');
  const names = given.split(',').map((name) => name.trim().toLowerCase());
  const within = !['task', undefined].includes(text(args, 'shift'));
  if (names.includes('') || (within ? names.length !== 1 : names.length < 2))
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `--tasks: expected ${within ? `one task to cut by ${text(args, 'shift')}` : 'two tasks or more'}, received "${given}"`,
      {
        remedy: within
          ? 'Name the task whose rows are to be cut in two, as --tasks qnli'
          : 'Name the task to keep, then the tasks to learn, as --tasks qnli,sst2',
      },
    );
  return names;
}

/** `3`: three seeds from `from` on; `7,`: the seed 7 alone; `1,2,5`: these. */
export function seedsOf(given: string, from: number): number[] {
  const parts = given.split(',').map((part) => part.trim());
  const numbers = parts.filter((part) => part !== '').map(Number);
  if (numbers.length === 0 || !numbers.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `--seeds: expected a number of seeds or a list of them, received "${given}"`,
      { remedy: 'For example --seeds 3, or --seeds 1,2,5' },
    );
  }
  if (parts.length > 1) return numbers;
  const count = numbers[0]!;
  if (count < 1 || count > 1000)
    throw new LrdistError('ERR_INVALID_OPTION', `--seeds: expected 1 to 1000 seeds, received ${count}`, {
      remedy: `For the one seed ${count} write --seeds ${count},`,
    });
  return Array.from({ length: count }, (_unused, i) => from + i);
}

function trainingOf(args: RawArguments): NonNullable<ShiftOptions['training']> {
  const {
    epochs,
    maxSteps,
    batchSize,
    batchTokens,
    samplingStrategy,
    gradientAccumulationSteps,
    schedule,
    optimizer,
    weightDecay,
    clipNorm,
    labelSmoothing,
    frozenDropout,
  } = runOptions(trainingArguments(trainingInput(args)));
  return {
    ...optional('epochs', epochs),
    ...optional('maxSteps', maxSteps),
    ...optional('batchSize', batchSize),
    ...optional('batchTokens', batchTokens),
    ...optional('samplingStrategy', samplingStrategy),
    ...optional('gradientAccumulationSteps', gradientAccumulationSteps),
    ...optional('schedule', schedule),
    ...optional('optimizer', optimizer),
    ...optional('weightDecay', weightDecay),
    ...optional('clipNorm', clipNorm),
    ...optional('labelSmoothing', labelSmoothing),
    ...optional('frozenDropout', frozenDropout),
  };
}

async function firstFolder(args: RawArguments, { signal }: CommandContext): Promise<string | undefined> {
  const name = text(args, 'first_model');
  return name === undefined ? undefined : resolveModel(name, { signal });
}

async function firstRates(
  args: RawArguments,
  layers: number,
  base: number | undefined,
): Promise<RateDistribution | undefined> {
  const given = text(args, 'first_rates');
  if (given === undefined) return undefined;
  const [rates, more] = await loadRates(given, { layers, base });
  if (more !== undefined)
    throw new LrdistError('ERR_INVALID_OPTION', `--first_rates: expected one distribution, received "${given}"`);
  return rates;
}
