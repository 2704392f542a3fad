/** Writing a Hugging Face folder that transformers loads. */
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { tokenizerFiles } from '../data/tokenizer-files.ts';
import type { NativeSession, NativeSource } from '../native/boundary.ts';
import type { ModelConfig } from './config.ts';
import { readFailed, writeFailed, writeWhole } from './files.ts';
import type { WantedHead } from './hf.ts';
import { makeHeader, type PlannedTensor } from './safetensors.ts';

export interface SaveParts {
  readonly session: NativeSession;
  readonly replica: number;
  readonly folder: string;
  /** Folder the model came from: config.json and tokenizer files. */
  readonly source: string;
  readonly config: ModelConfig;
  readonly pool: 'pooler' | 'cls';
  /** Head saved as the model's classifier, or the masked-LM head; undefined for the bare encoder or, if there is one, the masked-LM head. */
  readonly head: WantedHead | undefined;
}

/** Each file appears whole; the weights come last, so that a folder with weights is a whole model. */
export async function saveModel(parts: SaveParts): Promise<void> {
  try {
    await mkdir(parts.folder, { recursive: true });
  } catch (error) {
    throw writeFailed(parts.folder, error);
  }
  await writeWhole(
    join(parts.folder, 'config.json'),
    savedConfig({ config: parts.config, head: parts.head, parameters: parts.session.parameters(), pool: parts.pool }),
  );
  await copyTokenizer(parts.source, parts.folder);
  const { tensors, sources } = savedTensors(parts);
  await parts.session.write(resolve(parts.folder, 'model.safetensors'), makeHeader(tensors, { format: 'pt' }), sources);
}

/** The model's tensors under Hugging Face's names: `classifier.<head>.weight` becomes `classifier.weight`. */
export function savedTensors({ session, replica, head }: Pick<SaveParts, 'session' | 'replica' | 'head'>): {
  tensors: PlannedTensor[];
  sources: NativeSource[];
} {
  const tensors: PlannedTensor[] = [];
  const sources: NativeSource[] = [];
  for (const [parameter, { name, shape }] of session.parameters().entries()) {
    const saved = savedName(name, head);
    if (saved === undefined) continue;
    tensors.push({ name: saved, dtype: 'F32', shape });
    sources.push({ buffer: 'weights', parameter, replica });
  }
  return { tensors, sources };
}

function savedName(name: string, head: WantedHead | undefined): string | undefined {
  if (name.startsWith('bert.')) return name;
  if (name.startsWith('cls.')) return head === undefined || head.kind === 'masked-lm' ? name : undefined;
  const prefix = `classifier.${head?.name}.`;
  return head?.kind === 'classification' && name.startsWith(prefix)
    ? `classifier.${name.slice(prefix.length)}`
    : undefined;
}

/** Keys that belong to the model's head or its former storage, written anew where they apply. */
const ownKeys: ReadonlySet<string> = new Set([
  '_name_or_path',
  'torch_dtype',
  'lrdist',
  'id2label',
  'label2id',
  'problem_type',
  'finetuning_task',
  'num_labels',
]);

export interface ConfigParts extends Pick<SaveParts, 'config' | 'head' | 'pool'> {
  readonly parameters: readonly { readonly name: string }[];
}

/** Text of config.json. */
export function savedConfig({ config, head, parameters, pool }: ConfigParts): string {
  const kept = Object.fromEntries(Object.entries(config).filter(([key]) => !ownKeys.has(key)));
  const maskedLm =
    head?.kind === 'masked-lm' || (head === undefined && parameters.some(({ name }) => name.startsWith('cls.')));
  const saved: Record<string, unknown> = {
    ...kept,
    model_type: 'bert',
    architectures: [
      maskedLm
        ? 'BertForMaskedLM'
        : head === undefined || pool === 'cls'
          ? 'BertModel'
          : 'BertForSequenceClassification',
    ],
    dtype: 'float32',
  };
  if (head?.kind === 'classification') {
    const labels = head.labels ?? ['LABEL_0'];
    saved['id2label'] = Object.fromEntries(labels.map((label, i) => [String(i), label]));
    saved['label2id'] = Object.fromEntries(labels.map((label, i) => [label, i]));
    saved['problem_type'] = head.labels === null ? 'regression' : 'single_label_classification';
    saved['finetuning_task'] = head.name;
    // transformers has no classifier on the raw [CLS] state; the mark makes lrdist read its own folder rightly.
    if (pool === 'cls') saved['lrdist'] = { pool };
  }
  const sorted = Object.fromEntries(Object.entries(saved).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify(sorted, null, 2)}\n`;
}

/** Copies the tokenizer files that are there. */
export async function copyTokenizer(source: string, folder: string): Promise<void> {
  if (resolve(source) === resolve(folder)) return;
  for (const name of tokenizerFiles) {
    let content: Buffer;
    try {
      content = await readFile(join(source, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw readFailed(join(source, name), error);
    }
    await writeWhole(join(folder, name), content);
  }
}
