/** A tiny random BERT folder: config.json, vocab.txt, model.safetensors. The same seed gives the same bytes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '../../lib/random.ts';
import { parseConfig } from '../../lib/train/config.ts';
import { bodyParameters, headParameters, type ModelParameter, poolerParameters } from '../../lib/train/layout.ts';
import { makeHeader } from '../../lib/train/safetensors.ts';

export const tinyWords = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  'a',
  'b',
  'c',
  'd',
  'good',
  'bad',
  'fine',
  'poor',
  'the',
  'film',
  'was',
  'very',
  'not',
  '.',
  'and',
];

export interface TinyBertOptions {
  readonly seed?: number;
  readonly layers?: number;
  readonly hidden?: number;
  readonly dropout?: number;
  /** More or other keys of config.json. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly pooler?: boolean;
  /** Also a classifier with so many outputs. */
  readonly outputs?: number;
  readonly maskedLm?: boolean;
  /** Names in the file, by parameter name; undefined leaves the tensor out. */
  readonly rename?: (name: string) => string | undefined;
  /** Shape in the file instead of the right one. */
  readonly reshape?: (name: string, shape: readonly number[]) => readonly number[];
}

export function tinyConfig(options: TinyBertOptions = {}): Record<string, unknown> {
  const { layers = 2, hidden = 16, dropout = 0.1 } = options;
  return {
    architectures: ['BertModel'],
    model_type: 'bert',
    vocab_size: tinyWords.length,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: 2,
    intermediate_size: 2 * hidden,
    hidden_act: 'gelu',
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
    max_position_embeddings: 32,
    type_vocab_size: 2,
    initializer_range: 0.1,
    layer_norm_eps: 1e-12,
    pad_token_id: 0,
    position_embedding_type: 'absolute',
    ...options.config,
  };
}

/** Parameters as Hugging Face stores them. */
export function tinyParameters(options: TinyBertOptions = {}): ModelParameter[] {
  const config = parseConfig({
    ...tinyConfig(options),
    model_type: 'bert',
    architectures: ['BertModel'],
    hidden_act: 'gelu',
    position_embedding_type: 'absolute',
  });
  return [
    ...bodyParameters(config),
    ...(options.pooler === false ? [] : poolerParameters(config)),
    ...(options.maskedLm === true ? headParameters(config, { name: 'mlm', kind: 'masked-lm', outputs: 0 }) : []),
    ...(options.outputs === undefined
      ? []
      : [
          { name: 'classifier.weight', shape: [options.outputs, config.hidden_size] },
          { name: 'classifier.bias', shape: [options.outputs] },
        ]),
  ];
}

/** Bytes of a safetensors file with seeded values: LayerNorm weights near 1, the rest near 0. */
export function tinyWeights(options: TinyBertOptions = {}): Buffer {
  const random = createRandom(options.seed ?? 1);
  const rename = options.rename ?? ((name: string) => name);
  const tensors: { name: string; dtype: 'F32'; shape: readonly number[] }[] = [];
  const data: Buffer[] = [];
  for (const { name, shape } of tinyParameters(options)) {
    const stored = rename(name);
    if (stored === undefined) continue;
    const storedShape = options.reshape?.(name, shape) ?? shape;
    const count = storedShape.reduce((product, n) => product * n, 1);
    const centre = /LayerNorm\.weight$/.test(name) ? 1 : 0;
    const values = Float32Array.from({ length: count }, () => centre + (random.float() - 0.5) * 0.4);
    tensors.push({ name: stored, dtype: 'F32', shape: storedShape });
    data.push(Buffer.from(values.buffer));
  }
  return safetensorsBytes(makeHeader(tensors, { format: 'pt' }), Buffer.concat(data));
}

export function safetensorsBytes(header: string, data: Uint8Array): Buffer {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

export async function writeTinyBert(folder: string, options: TinyBertOptions = {}): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(tinyConfig(options), null, 2));
  await writeFile(join(folder, 'vocab.txt'), `${tinyWords.join('\n')}\n`);
  await writeFile(join(folder, 'model.safetensors'), tinyWeights(options));
  return folder;
}
