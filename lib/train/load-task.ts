/** Tasks from GLUE folders and own files. */
import { findGlue } from '../data/find.ts';
import { glueSplit, glueTask } from '../data/glue.ts';
import { loadGlue } from '../data/load.ts';
import { loadOwnFiles, type OwnFiles } from '../data/own.ts';
import type { Rows } from '../data/rows.ts';
import { openTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import { LrdistError } from '../errors.ts';
import { phase } from '../phase.ts';
import { computeMetrics } from '../metrics/glue.ts';
import { readConfig } from './config.ts';
import { encodePart, once, partsOf, type TaskSource } from './encode-parts.ts';
import type { Operation } from './model.ts';
import type { EncodedSplit, Task } from './task.ts';

export interface LoadTaskOptions extends Operation {
  /** GLUE task. With own files, just a name (default `custom`). */
  readonly task?: string;
  /** Folder with GLUE's task folders, for a GLUE task. */
  readonly dataDir?: string;
  readonly files?: OwnFiles;
  /** Class names in label order for own files, such as a trained model's. Default: from the train file. */
  readonly labels?: readonly string[];
  /** Columns of own files and whether their labels are numbers to predict; see OwnFilesOptions for the defaults. */
  readonly textColumns?: readonly string[];
  readonly labelColumn?: string;
  readonly regression?: boolean;
  /** Model folder: its tokenizer (unless one is given) and its number of positions. */
  readonly model: string;
  readonly tokenizer?: Tokenizer;
  /** Splits to load; MNLI's `validation` and `test` mean both of theirs. Default train and validation. */
  readonly splits?: readonly ('train' | 'validation' | 'test')[];
  /** Longest row in tokens. Default 128. */
  readonly maxLength?: number;
  /** The first so many rows, as run_glue takes them. */
  readonly maxTrainSamples?: number;
  readonly maxEvalSamples?: number;
  readonly maxPredictSamples?: number;
  /** Rows held out of train, as a split `selection` of at most `maxEvalSamples` rows: for choosing, so that `validation` is for reports alone. `maxTrainSamples` are taken of what is left. */
  readonly selection?: { readonly seed: number; readonly size?: number };
  readonly overwriteCache?: boolean;
  /** Token cache folder; false = none. */
  readonly cache?: string | false;
}

export interface LoadedTask extends Task {
  /** Positions of the rows in their files, by split (Hugging Face's `idx`). */
  readonly ids: Readonly<Record<string, Int32Array>>;
  /** What the reader should know, such as rows left out. */
  readonly notes: readonly string[];
}

/** @throws ERR_DATA_NOT_FOUND, ERR_DATA_INVALID, ERR_LABEL_UNKNOWN, ERR_TOKENIZER, ERR_INVALID_OPTION */
export async function loadTask(options: LoadTaskOptions): Promise<LoadedTask> {
  const { model, tokenizer = await openTaskTokenizer(model, model, options) } = options;
  const source = options.files === undefined ? openGlue(options) : await readOwn(options, options.files);
  const splits: Record<string, EncodedSplit> = {};
  const ids: Record<string, Int32Array> = {};
  const notes: string[] = [];
  for (const part of partsOf(source, options.selection)) {
    const encoded = await phase('token ids', () => encodePart(part, source, tokenizer, options));
    const { skipped } = encoded;
    if (skipped > 0) notes.push(`${part.name}: ${skipped} broken row${skipped > 1 ? 's' : ''} left out`);
    splits[part.name] = encoded.data;
    ids[part.name] = encoded.ids;
  }
  return { ...source.task, splits, ids, notes };
}

/** The tokenizer of a model folder, bounded by the model's vocabulary and positions. */
export async function openTaskTokenizer(
  model: string,
  tokenizerFolder = model,
  caching: Pick<LoadTaskOptions, 'cache' | 'overwriteCache'> = {},
): Promise<Tokenizer> {
  const { vocab_size: vocabSize, max_position_embeddings: maxPositions } = await readConfig(model);
  return openTokenizer(tokenizerFolder, {
    ...(caching.cache === undefined ? {} : { cache: caching.cache }),
    ...(caching.overwriteCache === undefined ? {} : { overwriteCache: caching.overwriteCache }),
    vocabSize,
    maxPositions,
  });
}

function openGlue(options: LoadTaskOptions): TaskSource {
  if (options.task === undefined) {
    throw new LrdistError('ERR_INVALID_OPTION', 'expected a task or files to learn from', {
      remedy: 'Give --task_name with --data_dir, or --train_file and --validation_file.',
    });
  }
  const glue = glueTask(options.task);
  const { dataDir } = options;
  if (dataDir === undefined) {
    throw new LrdistError('ERR_INVALID_OPTION', `task ${glue.name} needs the folder of the GLUE data`, {
      remedy: 'Give --data_dir, the folder that holds CoLA/, MRPC/, SST-2/ and so on.',
    });
  }
  const wanted = options.splits ?? ['train', 'validation'];
  const names = glue.splits.filter((split) => wanted.some((name) => split === name || split.startsWith(`${name}_`)));
  if (names.length === 0)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `task ${glue.name} has no split ${wanted.join(' or ')}; it has ${glue.splits.join(', ')}`,
    );
  const read = (name: string): Promise<Rows> =>
    phase('reading the data', () => loadGlue(dataDir, glue, name, signalOf(options)));
  return {
    task: {
      name: glue.name,
      labels: glue.labels,
      score: (predictions, labels) => computeMetrics(glue.metrics, predictions, labels),
      mainMetric: glue.mainMetric,
      chance: glue.chance,
      dataset: { name: 'glue', config: glue.name },
    },
    rows: Object.fromEntries(names.map((name) => [name, once(() => read(name))])),
    files: async (split) => {
      const found = await findGlue(dataDir, glue, glueSplit(glue, split));
      return found.format === 'tsv' ? [found.file] : found.files;
    },
    ...(glue.containment === undefined ? {} : { containment: glue.containment }),
  };
}

async function readOwn(options: LoadTaskOptions, files: OwnFiles): Promise<TaskSource> {
  const { shape, splits } = await loadOwnFiles(files, {
    ...signalOf(options),
    ...(options.labels === undefined ? {} : { labels: options.labels }),
    ...(options.textColumns === undefined ? {} : { textColumns: options.textColumns }),
    ...(options.labelColumn === undefined ? {} : { labelColumn: options.labelColumn }),
    ...(options.regression === undefined ? {} : { regression: options.regression }),
  });
  const wanted = options.splits ?? ['train', 'validation'];
  const rows = Object.fromEntries(
    Object.entries(splits)
      .filter(([name]) => wanted.includes(name as 'train'))
      .map(([name, read]) => [name, () => Promise.resolve(read)]),
  );
  return {
    task: {
      name: options.task ?? 'custom',
      labels: shape.labels,
      score:
        shape.labels === null
          ? (predictions, labels) => ({
              mse: meanSquare(predictions, labels),
              ...computeMetrics(['pearson', 'spearmanr'], predictions, labels),
            })
          : (predictions, labels) => computeMetrics(['accuracy'], predictions, labels),
      mainMetric: shape.labels === null ? 'spearmanr' : 'accuracy',
      chance: shape.labels === null ? 0 : 1 / shape.labels.length,
    },
    rows,
  };
}

function meanSquare(predictions: Float32Array, labels: Float32Array): number {
  return predictions.reduce((sum, value, i) => sum + (value - labels[i]!) ** 2, 0) / labels.length;
}

function signalOf({ signal }: Operation): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
