/** Model and task that a command line names. */
import { resolve } from 'node:path';
import { resolveModel } from '../../data/hub.ts';
import { LrdistError } from '../../errors.ts';
import type { Precision } from '../../native/boundary.ts';
import { configLabels, readConfig } from '../../train/config.ts';
import { type LoadedTask, type LoadTaskOptions, loadTask, openTaskTokenizer } from '../../train/load-task.ts';
import type { CommandContext } from '../run.ts';
import type { RawArguments } from './options.ts';

const text = (args: RawArguments, name: string): string | undefined => args[name] as string | undefined;
const number = (args: RawArguments, name: string): number | undefined => args[name] as number | undefined;

/** Folder of --model_name_or_path. */
export async function modelFolder(args: RawArguments, context: CommandContext): Promise<string> {
  const name = text(args, 'model_name_or_path');
  if (name === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'no model: --model_name_or_path is missing', {
      remedy: 'Give --model DIR, a Hugging Face BERT folder, or a model id.',
    });
  return fetchModel(name, args, context);
}

async function fetchModel(name: string, args: RawArguments, { signal, output }: CommandContext): Promise<string> {
  const told = new Set<string>();
  const revision = text(args, 'model_revision');
  const cacheDir = text(args, 'cache_dir');
  // What Hugging Face's variable means; this process is the program, so nobody else sees it.
  if (cacheDir !== undefined) process.env['HF_HUB_CACHE'] = resolve(cacheDir);
  return resolveModel(name, {
    signal,
    ...(revision === undefined ? {} : { revision }),
    onWarning: output.note,
    onProgress: ({ file, total }) => {
      if (told.has(file)) return;
      told.add(file);
      output.note(`downloading ${file} of ${name}${total === undefined ? '' : ` (${Math.ceil(total / 1e6)} MB)`}`);
    },
  });
}

/** The task of --task_name with --data_dir, or of own files. `trained`: the model's own labels decide about classes of own files. */
export async function taskOf(
  args: RawArguments,
  model: string,
  splits: readonly ('train' | 'validation' | 'test')[],
  context: CommandContext,
  trained: boolean,
): Promise<LoadedTask> {
  const { signal } = context;
  const tokenizerName = text(args, 'tokenizer_name');
  const tokenizer = await openTaskTokenizer(
    model,
    tokenizerName === undefined ? model : await fetchModel(tokenizerName, args, context),
    cachingOf(args),
  );
  const files = ownFiles(args);
  const labels = trained && files !== undefined ? configLabels(await readConfig(model)) : undefined;
  const task = text(args, 'task_name');
  const dataDir = text(args, 'data_dir');
  if (files !== undefined && dataDir !== undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'both --data_dir and own files are given', {
      remedy: 'Give --task_name with --data_dir, or --train_file and --validation_file.',
    });
  return loadTask({
    model,
    tokenizer,
    splits,
    signal,
    ...optional('task', task?.toLowerCase()),
    ...optional('dataDir', dataDir),
    ...optional('files', files),
    ...optional('labels', labels),
    ...columnsOf(args, files !== undefined),
    ...optional('maxLength', positive(args, 'max_seq_length')),
    ...optional('maxTrainSamples', positive(args, 'max_train_samples')),
    ...optional('maxEvalSamples', positive(args, 'max_eval_samples')),
    ...optional('maxPredictSamples', positive(args, 'max_predict_samples')),
    ...cachingOf(args),
  });
}

function ownFiles(args: RawArguments): { train?: string; validation?: string; test?: string } | undefined {
  const [train, validation, test] = [text(args, 'train_file'), text(args, 'validation_file'), text(args, 'test_file')];
  if (train === undefined && validation === undefined && test === undefined) return undefined;
  return { ...optional('train', train), ...optional('validation', validation), ...optional('test', test) };
}

export function cachingOf(args: RawArguments): Pick<LoadTaskOptions, 'cache' | 'overwriteCache'> {
  return {
    ...optional('overwriteCache', args['overwrite_cache'] as boolean | undefined),
    ...(args['token_cache'] === false ? { cache: false as const } : {}),
  };
}

/** Columns of own files; a GLUE task has its own. */
function columnsOf(
  args: RawArguments,
  own: boolean,
): Pick<LoadTaskOptions, 'textColumns' | 'labelColumn' | 'regression'> {
  const texts = text(args, 'text_column_names')?.split(',');
  const label = text(args, 'label_column_name');
  const regression = args['do_regression'] as boolean | undefined;
  if (!own && (texts ?? label ?? regression) !== undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'columns are named, but no own files are given', {
      remedy:
        'Give --train_file and --validation_file, or leave out --text_column_names, --label_column_name and --do_regression.',
    });
  return {
    ...optional('textColumns', texts),
    ...optional('labelColumn', label),
    ...optional('regression', regression),
  };
}

function positive(args: RawArguments, name: string): number | undefined {
  const value = number(args, name);
  if (value !== undefined && !(Number.isInteger(value) && value > 0))
    throw new LrdistError('ERR_INVALID_OPTION', `--${name}: expected a whole number above 0, received ${value}`);
  return value;
}

/** `{ [key]: value }`, or nothing where the value is undefined. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: V });
}

export const optionText = text;
export const optionNumber = number;

/** What `--bf16`, `--tf32` and their negations say. @throws ERR_INVALID_OPTION for both */
export function precisionOf(args: { readonly bf16?: unknown; readonly tf32?: unknown }): { precision?: Precision } {
  const { bf16, tf32 } = args;
  if (bf16 === true && tf32 === true)
    throw new LrdistError('ERR_INVALID_OPTION', '--bf16 and --tf32 are both given', {
      remedy:
        'Give one: with --bf16 the large matrix products are no longer in fp32, so that --tf32 has nothing to speed up.',
    });
  if (bf16 === undefined && tf32 === undefined) return {};
  return { precision: bf16 === true ? 'bf16' : tf32 === true ? 'tf32' : 'fp32' };
}
