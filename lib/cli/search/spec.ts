/** The specification of a pair from the command line. */
import { decides } from '../training/decides.ts';
import { searchPenalty } from '../../pair-search/penalty.ts';
import type { PairSpecInput } from '../../pair-search/spec.ts';
import { readObjective } from '../../pair-search/objective.ts';
import { toDocument, type RatesDocument } from '../../rates/file.ts';
import { loadRates } from '../../rates/parse.ts';
import type { StageTraining } from '../../forgetting/options.ts';
import { resolveModel } from '../../data/hub.ts';
import { runOptions, trainingArguments } from '../../train/arguments.ts';
import { readConfig } from '../../train/config.ts';
import type { CommandContext } from '../run.ts';
import { modelFolder, optional, precisionOf } from '../training/inputs.ts';
import { type RawArguments, trainingInput } from '../training/options.ts';
import { ownDevice, searchDevices } from './devices.ts';
import type { SearchArguments } from './options.ts';
import { countOf, invalid, listOf, numberOf, rangeOf, readRanges, textOf } from './reading.ts';
import { paperSpace } from './strategy.ts';

/** All of a specification but the tasks. */
export type SharedSpec = Omit<PairSpecInput, 'tasks'>;

/** @throws ERR_INVALID_OPTION for options that contradict one another */
export function checkClashes(args: SearchArguments): void {
  const given = (name: string): boolean => args[name] !== undefined;
  const clashes: readonly (readonly [boolean, string, string])[] = [
    [
      given('first_model') && given('first_rates'),
      '--first_model and --first_rates',
      'A given first model needs no first stage.',
    ],
    [
      given('weight_decay') && given('search_weight_decay'),
      '--weight_decay and --search_weight_decay',
      'It is either fixed or searched.',
    ],
    [
      (given('warmup_ratio') || given('warmup_steps')) && given('search_warmup_ratio'),
      '--warmup_ratio or --warmup_steps and --search_warmup_ratio',
      'It is either fixed or searched.',
    ],
    [
      given('num_train_epochs') && given('search_epochs'),
      '--num_train_epochs and --search_epochs',
      'The upper end of --search_epochs is the number of epochs.',
    ],
  ];
  for (const [clash, what, remedy] of clashes) if (clash) throw invalid(`${what} are both given`, remedy);
  const paper = textOf(args, 'mode') === 'paper' || (textOf(args, 'protocol') === 'paper' && !given('mode'));
  for (const name of ['first_model', 'first_rates'])
    if (paper && given(name))
      throw invalid(`--${name} is for keep mode`, 'In paper mode the distributions govern the first stage too.');
  if (!paper && textOf(args, 'stages') === 'own')
    throw invalid('--stages own is for paper mode', 'In keep mode distributions govern one stage.');
  if (given('search_penalty') && !given('penalty'))
    throw invalid('--search_penalty: --penalty is missing', 'Name the penalty: --penalty ewc');
}

/** Reads the models' folders and configuration; no data. @throws LrdistError of many codes */
export async function sharedSpec(
  args: SearchArguments,
  paperSampler: boolean,
  context: CommandContext,
): Promise<SharedSpec & { readonly layers: number }> {
  const raw = args as RawArguments;
  const firstModel = await firstModelOf(args, context);
  const model =
    firstModel !== undefined && args['model_name_or_path'] === undefined ? firstModel : await modelFolder(raw, context);
  const { num_hidden_layers: layers } = await readConfig(firstModel ?? model);
  const penalty = textOf(args, 'penalty');
  if (penalty !== undefined) searchPenalty(penalty);
  const objective = textOf(args, 'objective') ?? 'sum';
  readObjective(objective);
  const epochs = wholeEpochs(args);
  const firstEpochs = countOf(args, 'first_num_train_epochs');
  const seed = numberOf(args, 'seed');
  const training = trainingOf(args);
  return {
    layers,
    model,
    dataDir: dataDirOf(args),
    objective,
    training: epochs === undefined ? training : { ...training, epochs: epochs[1] },
    firstTraining: firstEpochs === undefined ? {} : { epochs: firstEpochs },
    space: spaceOf(args, paperSampler ? paperSpace(layers) : {}, epochs),
    session: {
      ...optional('device', ownDevice(searchDevices(args))),
      ...optional('threads', threadsOf(args)),
      ...precisionOf(args),
      ...optional('pool', textOf(args, 'classifier_input')),
    },
    ...optional('firstModel', firstModel),
    ...optional('firstRates', await firstRatesOf(args, layers)),
    ...optional('maxTrainSamples', countOf(args, 'max_train_samples')),
    ...optional('selectionRows', countOf(args, 'selection_rows')),
    ...optional('maxLength', countOf(args, 'max_seq_length')),
    ...optional('mode', textOf(args, 'mode') as 'keep' | 'paper' | undefined),
    ...optional('protocol', textOf(args, 'protocol') as 'paper' | undefined),
    ...optional('penalty', penalty),
    ...optional('seed', seed),
  };
}

/** Of each process; several share the processors of this machine. */
function threadsOf(args: SearchArguments): number | undefined {
  return countOf(args, 'threads');
}

export function dataDirOf(args: SearchArguments): string {
  const folder = textOf(args, 'data_dir');
  if (folder === undefined)
    throw invalid('--data_dir is missing', 'Give the folder of GLUE task folders (QNLI/train.tsv, ...).');
  return folder;
}

function spaceOf(
  args: SearchArguments,
  base: { readonly grouping?: string; readonly rates?: readonly [number, number] },
  epochs: readonly [number, number] | undefined,
): NonNullable<PairSpecInput['space']> {
  return {
    ...base,
    ...optional('grouping', textOf(args, 'grouping')),
    ...optional('parametrisation', textOf(args, 'parametrisation')),
    ...optional('rates', rangeOf(args, 'rate_range')),
    ...optional('stages', textOf(args, 'stages') as 'same' | 'own' | undefined),
    ...optional('weightDecay', rangeOf(args, 'search_weight_decay')),
    ...optional('warmupRatio', rangeOf(args, 'search_warmup_ratio')),
    ...optional('penalty', rangeOf(args, 'search_penalty')),
    ...optional('epochs', epochs),
    ranges: readRanges(listOf(args, 'range')),
  };
}

function wholeEpochs(args: SearchArguments): readonly [number, number] | undefined {
  const range = rangeOf(args, 'search_epochs');
  if (range !== undefined && !range.every((end) => Number.isSafeInteger(end) && end >= 1))
    throw invalid(`--search_epochs: expected whole numbers from 1, received "${textOf(args, 'search_epochs')}"`);
  return range;
}

/** With `--protocol paper` only what was given: where the command line is silent, the published habits hold. */
function trainingOf(args: SearchArguments): StageTraining {
  const options = runOptions(trainingArguments(trainingInput(args as RawArguments)));
  const published = textOf(args, 'protocol') === 'paper';
  return Object.fromEntries(
    Object.entries(options).filter(
      ([key]) =>
        // Searches go by whole epochs.
        key !== 'maxSteps' &&
        decides[key] !== undefined &&
        (!published || decides[key].some((name) => args[name] !== undefined)),
    ),
  );
}

async function firstModelOf(args: SearchArguments, { signal }: CommandContext): Promise<string | undefined> {
  const name = textOf(args, 'first_model');
  return name === undefined ? undefined : resolveModel(name, { signal });
}

async function firstRatesOf(args: SearchArguments, layers: number): Promise<RatesDocument | undefined> {
  const given = textOf(args, 'first_rates');
  if (given === undefined) return undefined;
  const [rates, more] = await loadRates(given, { layers });
  if (more !== undefined) throw invalid(`--first_rates: expected one distribution, received "${given}"`);
  return toDocument(rates!);
}
