/** Weights of a Hugging Face BERT folder: which tensor of which file is which parameter. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { configLabels, type ModelConfig, readConfig } from './config.ts';
import { exists, readFailed } from './files.ts';
import { bodyParameters, headParameters, type LayoutHead, type ModelParameter, poolerParameters } from './layout.ts';
import { readHeader, type TensorEntry } from './safetensors.ts';

export type { ModelConfig } from './config.ts';

export interface FileTensor extends TensorEntry {
  readonly path: string;
  /** Its name in the file. */
  readonly name: string;
}

export interface ModelFolder {
  readonly folder: string;
  readonly config: ModelConfig;
  /** By parameter name: `bert.*`, `cls.predictions.*`; the folder's own classifier as `classifier.weight` and `classifier.bias`. */
  readonly tensors: ReadonlyMap<string, FileTensor>;
  /** Tensors that no BERT has. */
  readonly unknown: readonly string[];
}

export interface LoadedReport {
  readonly files: readonly string[];
  /** Parameters with fresh values: new heads, and a pooler the folder does not have. */
  readonly fresh: readonly string[];
  /** Tensors of the files that this model does not use. */
  readonly unused: readonly string[];
  /** Head that got the folder's own classifier. */
  readonly savedHead: string | undefined;
  /** For each of its outputs, the row in the file (label orders may differ). */
  readonly labelOrder: readonly number[] | undefined;
  /** Advice in plain words. */
  readonly notes: readonly string[];
}

/** @throws ERR_MODEL_NOT_FOUND, ERR_MODEL_UNSUPPORTED, ERR_SAFETENSORS, ERR_READ */
export async function readModelFolder(folder: string): Promise<ModelFolder> {
  const config = await readConfig(folder);
  const tensors = new Map<string, FileTensor>();
  const unknown: string[] = [];
  for (const tensor of await listTensors(folder)) {
    const name = parameterName(tensor.name);
    if (name === 'ignore') continue;
    if (name === undefined) unknown.push(tensor.name);
    else if (tensors.has(name)) {
      // The tied decoder's bias may be stored under both of its names.
      if (name !== 'cls.predictions.bias') {
        throw new LrdistError(
          'ERR_SAFETENSORS',
          `${folder}: "${tensor.name}" and "${tensors.get(name)!.name}" are the same parameter`,
          {
            remedy: 'Keep one of them.',
          },
        );
      }
    } else tensors.set(name, tensor);
  }
  return { folder, config, tensors, unknown };
}

async function listTensors(folder: string): Promise<FileTensor[]> {
  const single = join(folder, 'model.safetensors');
  if (await exists(single)) return entries(single);
  const index = join(folder, 'model.safetensors.index.json');
  if (await exists(index)) return listShards(folder, index);
  if (
    (await exists(join(folder, 'pytorch_model.bin'))) ||
    (await exists(join(folder, 'pytorch_model.bin.index.json')))
  ) {
    throw new LrdistError(
      'ERR_MODEL_UNSUPPORTED',
      `${folder} has its weights only as pytorch_model.bin, a pickle, which is not read because it may run code`,
      {
        remedy: `Convert it once with Python:\n  from transformers import AutoModel\n  AutoModel.from_pretrained("${folder}").save_pretrained("${folder}-safetensors")\nand copy the tokenizer files.`,
      },
    );
  }
  throw new LrdistError('ERR_MODEL_NOT_FOUND', `${folder} has no model.safetensors`, {
    remedy: 'Give a folder with model.safetensors (or its shards with model.safetensors.index.json).',
  });
}

async function entries(path: string): Promise<FileTensor[]> {
  const { tensors } = await readHeader(path);
  return [...tensors].map(([name, entry]) => ({ ...entry, name, path }));
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

async function listShards(folder: string, index: string): Promise<FileTensor[]> {
  let text: string;
  try {
    text = await readFile(index, 'utf8');
  } catch (error) {
    throw readFailed(index, error);
  }
  const bad = (what: string): LrdistError =>
    new LrdistError('ERR_SAFETENSORS', `${index}: ${what}`, { remedy: 'Download or export the model again.' });
  let map: Record<string, string>;
  try {
    map = indexSchema.parse(JSON.parse(text)).weight_map;
  } catch (error) {
    throw bad(
      `is not a weight index (${error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message})`,
    );
  }
  const found: FileTensor[] = [];
  for (const shard of new Set(Object.values(map))) {
    if (basename(shard) !== shard || shard.startsWith('.'))
      throw bad(`names the file "${shard}", which is not a plain file name`);
    const path = join(folder, shard);
    if (!(await exists(path))) throw bad(`names ${shard}, which is not there`);
    const inShard = await entries(path);
    const names = new Set(inShard.map((tensor) => tensor.name));
    for (const [name, file] of Object.entries(map))
      if (file === shard && !names.has(name)) throw bad(`says "${name}" is in ${shard}, but it is not`);
    found.push(...inShard.filter((tensor) => map[tensor.name] === shard));
  }
  return found;
}

/** The parameter a stored tensor belongs to; `ignore` for what can be left out without a word; undefined if no BERT has it. */
export function parameterName(stored: string): string | undefined {
  const name = stored
    .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
    .replace(/LayerNorm\.beta$/, 'LayerNorm.bias')
    .replace(/^(embeddings|encoder|pooler)\./, 'bert.$1.');
  if (name === 'bert.embeddings.position_ids' || name === 'bert.embeddings.token_type_ids') return 'ignore';
  // Tied to the word embeddings; next-sentence prediction is not trained here.
  if (name === 'cls.predictions.decoder.weight' || name.startsWith('cls.seq_relationship.')) return 'ignore';
  if (name === 'cls.predictions.decoder.bias') return 'cls.predictions.bias';
  if (/^bert\.(embeddings|encoder|pooler)\./.test(name) || /^cls\.predictions\.(transform\.|bias$)/.test(name))
    return name;
  if (name === 'classifier.weight' || name === 'classifier.bias') return name;
  return undefined;
}

export interface LoadPlan {
  readonly pooler: boolean;
  /** Parameter → tensor. A permuted head's tensors are to be read row by row as `report.labelOrder` says. */
  readonly sources: ReadonlyMap<string, FileTensor>;
  readonly report: LoadedReport;
}

export interface WantedHead extends LayoutHead {
  readonly labels: readonly string[] | null;
}

/** Matches a folder with the heads wanted. @throws ERR_TENSOR_MISSING, ERR_TENSOR_SHAPE, ERR_MODEL_UNSUPPORTED */
export function planLoad(model: ModelFolder, heads: readonly WantedHead[], pool: 'pooler' | 'cls'): LoadPlan {
  const { config, tensors, folder } = model;
  const classifiers = heads.filter((head) => head.kind === 'classification');
  const pooler = (classifiers.length > 0 && pool === 'pooler') || tensors.has('bert.pooler.dense.weight');
  const notes: string[] = [];

  const missing = bodyParameters(config)
    .filter(({ name }) => !tensors.has(name))
    .map(({ name }) => name);
  if (missing.length > 0) {
    const shown = missing.slice(0, 8).join(', ') + (missing.length > 8 ? ` and ${missing.length - 8} more` : '');
    throw new LrdistError(
      'ERR_TENSOR_MISSING',
      `${folder} lacks ${missing.length} tensor${missing.length > 1 ? 's' : ''} of the encoder: ${shown}`,
      {
        remedy: 'Only heads and the pooler may be missing. Check that config.json and the weights belong together.',
      },
    );
  }

  const saved = savedHead(model, classifiers, notes);
  const parameters: ModelParameter[] = [
    ...bodyParameters(config),
    ...(pooler ? poolerParameters(config) : []),
    ...heads.flatMap((head) => headParameters(config, head)),
  ];
  const sources = new Map<string, FileTensor>();
  const fresh: string[] = [];
  const used = new Set<string>();
  for (const { name, shape } of parameters) {
    const stored =
      saved !== undefined && name.startsWith(`classifier.${saved.head}.`) ? name.replace(`.${saved.head}.`, '.') : name;
    const tensor = stored.startsWith('classifier.') && stored === name ? undefined : tensors.get(stored);
    if (tensor === undefined) {
      fresh.push(name);
      continue;
    }
    used.add(stored);
    checkTensor(tensor, shape, config);
    sources.set(name, tensor);
  }
  if (fresh.some((name) => name.startsWith('bert.pooler.')))
    notes.push('the folder has no pooler: a fresh one is used');
  const partMissing = fresh.filter((name) => name.startsWith('cls.'));
  if (
    partMissing.length > 0 &&
    partMissing.length < headParameters(config, { name: 'mlm', kind: 'masked-lm', outputs: 0 }).length
  ) {
    throw new LrdistError(
      'ERR_TENSOR_MISSING',
      `${folder} has only a part of its language-model head; missing: ${partMissing.join(', ')}`,
      {
        remedy: 'Export the model again with its whole head.',
      },
    );
  }
  const unused = [
    ...model.unknown,
    ...[...tensors].filter(([name]) => !used.has(name)).map(([, tensor]) => tensor.name),
  ];
  return {
    pooler,
    sources,
    report: {
      files: [...new Set([...tensors.values()].map((tensor) => basename(tensor.path)))],
      fresh,
      unused,
      savedHead: saved?.head,
      labelOrder: saved?.order,
      notes,
    },
  };
}

function checkTensor(tensor: FileTensor, shape: readonly number[], config: ModelConfig): void {
  if (tensor.shape.length !== shape.length || tensor.shape.some((n, i) => n !== shape[i])) {
    throw new LrdistError(
      'ERR_TENSOR_SHAPE',
      `${tensor.path}: "${tensor.name}" has shape [${tensor.shape.join(', ')}] where config.json needs [${shape.join(', ')}]`,
      {
        remedy: `Check that config.json (hidden_size ${config.hidden_size}, ${config.num_hidden_layers} layers, vocab_size ${config.vocab_size}) belongs to these weights.`,
      },
    );
  }
  if (!['F32', 'F16', 'BF16', 'F64'].includes(tensor.dtype)) {
    throw new LrdistError('ERR_MODEL_UNSUPPORTED', `${tensor.path}: "${tensor.name}" is of type ${tensor.dtype}`, {
      remedy: 'Weights may be F32, F16, BF16 or F64.',
    });
  }
}

/**
 * Which head gets the folder's own classifier: the one named by `finetuning_task`, else the only one. Its rows are put into the task's label order
 * by lower-cased names, as run_glue does; unknown names keep their order.
 */
function savedHead(
  model: ModelFolder,
  heads: readonly WantedHead[],
  notes: string[],
): { head: string; order: readonly number[] | undefined } | undefined {
  const { config, tensors } = model;
  const weight = tensors.get('classifier.weight');
  if (weight === undefined || !tensors.has('classifier.bias') || heads.length === 0) return undefined;
  const named = heads.find((head) => head.name === config.finetuning_task?.toLowerCase());
  const head = named ?? (heads.length === 1 ? heads[0] : undefined);
  if (head === undefined) {
    notes.push(
      'the folder has a classifier, but its config.json does not say of which task (finetuning_task): it is not used',
    );
    return undefined;
  }
  if (weight.shape[0] !== head.outputs) {
    notes.push(
      `the folder's classifier has ${weight.shape[0]} outputs and task ${head.name} needs ${head.outputs}: a fresh one is used`,
    );
    return undefined;
  }
  if (config.problem_type === 'multi_label_classification') {
    throw new LrdistError(
      'ERR_MODEL_UNSUPPORTED',
      `${model.folder} was trained for multi-label classification, which is not supported`,
      {
        remedy: 'Use a single-label or regression model, or the encoder it came from.',
      },
    );
  }
  if (head.labels === null) return { head: head.name, order: undefined };
  const own = configLabels(config)?.map((label) => label.toLowerCase());
  if (own === undefined) return { head: head.name, order: undefined };
  const order = head.labels.map((label) => own.indexOf(label.toLowerCase()));
  if (order.includes(-1) || new Set(order).size !== order.length) {
    notes.push(
      `the folder's labels (${own.join(', ')}) are not those of task ${head.name} (${head.labels.join(', ')}): its classifier is used in its own order`,
    );
    return { head: head.name, order: undefined };
  }
  return { head: head.name, order: order.every((row, i) => row === i) ? undefined : order };
}
