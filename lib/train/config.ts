/** `config.json` of a Hugging Face BERT: what is read of it and what is refused. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import type { NativeModelSpec } from '../native/boundary.ts';
import { readFailed } from './files.ts';

const size = z.number().int().positive();
const share = z.number().min(0).lt(1);

const configSchema = z.looseObject({
  model_type: z.string().optional(),
  architectures: z.array(z.string()).nullish(),
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  hidden_act: z.string().default('gelu'),
  hidden_dropout_prob: share.default(0.1),
  attention_probs_dropout_prob: share.default(0.1),
  classifier_dropout: share.nullish(),
  max_position_embeddings: size.default(512),
  type_vocab_size: size.default(2),
  initializer_range: z.number().positive().default(0.02),
  layer_norm_eps: z.number().positive().default(1e-12),
  position_embedding_type: z.string().nullish(),
  is_decoder: z.boolean().nullish(),
  add_cross_attention: z.boolean().nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  quantization_config: z.unknown().optional(),
  id2label: z.record(z.string(), z.string()).nullish(),
  label2id: z.record(z.string(), z.number().int()).nullish(),
  problem_type: z.string().nullish(),
  finetuning_task: z.string().nullish(),
  /** Ours: what the classifier of this folder reads, when it is not the pooler's output. */
  lrdist: z.looseObject({ pool: z.enum(['pooler', 'cls']).optional() }).optional(),
});

/** A checked configuration, unknown keys kept. */
export type ModelConfig = z.infer<typeof configSchema>;

const supported =
  'Supported are BERT models as Hugging Face stores them: BertModel, BertForMaskedLM, BertForPreTraining and BertForSequenceClassification.';

/** @throws ERR_MODEL_NOT_FOUND, ERR_MODEL_UNSUPPORTED */
export async function readConfig(folder: string): Promise<ModelConfig> {
  const path = join(folder, 'config.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const there = await stat(folder).then(
      (s) => s.isDirectory(),
      () => false,
    );
    if (there && (error as NodeJS.ErrnoException).code !== 'ENOENT') throw readFailed(path, error);
    throw new LrdistError('ERR_MODEL_NOT_FOUND', there ? `${folder} has no config.json` : `${folder} is not a folder`, {
      remedy:
        'Give the folder of a Hugging Face BERT (config.json, model.safetensors, vocab.txt or tokenizer.json), or a model id.',
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new LrdistError('ERR_MODEL_UNSUPPORTED', `${path} is not JSON: ${(error as Error).message}`, {
      remedy: 'Copy or download the file again.',
    });
  }
  return parseConfig(json, path);
}

export function parseConfig(json: unknown, path = 'config.json'): ModelConfig {
  const unsupported = (what: string): LrdistError =>
    new LrdistError('ERR_MODEL_UNSUPPORTED', `${path}: ${what}`, { remedy: supported });
  // The architecture first: a config of another one lacks our keys, and that is not the news.
  const kind = z
    .looseObject({ model_type: z.string().optional(), architectures: z.array(z.string()).nullish() })
    .safeParse(json);
  if (!kind.success) throw unsupported('is not a model configuration');
  const { model_type: type, architectures } = kind.data;
  const foreign = architectures?.find(
    (name) => !/^Bert(Model|For(MaskedLM|PreTraining|SequenceClassification|NextSentencePrediction))$/.test(name),
  );
  if (type !== undefined ? type !== 'bert' : foreign !== undefined)
    throw unsupported(`model type "${type ?? foreign}" is not supported`);
  if (foreign !== undefined) throw unsupported(`architecture "${foreign}" is not supported`);

  const parsed = configSchema.safeParse(json);
  if (!parsed.success) throw unsupported(z.prettifyError(parsed.error));
  const config = parsed.data;
  if (!['gelu', 'gelu_python'].includes(config.hidden_act))
    throw unsupported(`hidden_act "${config.hidden_act}" is not supported, only "gelu" (by erf)`);
  if ((config.position_embedding_type ?? 'absolute') !== 'absolute') {
    throw unsupported(`position_embedding_type "${config.position_embedding_type}" is not supported, only "absolute"`);
  }
  if (config.is_decoder === true || config.add_cross_attention === true)
    throw unsupported('decoders and cross-attention are not supported');
  if ((config.quantization_config ?? undefined) !== undefined) throw unsupported('quantized weights are not supported');
  if (config.hidden_size % config.num_attention_heads !== 0) {
    throw unsupported(
      `hidden_size ${config.hidden_size} is not a multiple of num_attention_heads ${config.num_attention_heads}`,
    );
  }
  return config;
}

/** Class names of the folder's own classifier in index order, or undefined if it has none or only `LABEL_0`, `LABEL_1`... */
export function configLabels(config: ModelConfig): readonly string[] | undefined {
  if (config.id2label === undefined || config.id2label === null) return undefined;
  const entries = Object.entries(config.id2label);
  const labels = new Array<string>(entries.length);
  for (const [id, label] of entries) {
    const index = Number(id);
    if (!Number.isInteger(index) || index < 0 || index >= labels.length) return undefined;
    labels[index] = label;
  }
  return labels.every((label, i) => label === `LABEL_${i}`) ? undefined : labels;
}

export function nativeSpec(
  config: ModelConfig,
  options: { pooler: boolean; hiddenDropout?: number | undefined; attentionDropout?: number | undefined },
): NativeModelSpec {
  return {
    vocab: config.vocab_size,
    maxPositions: config.max_position_embeddings,
    typeVocab: config.type_vocab_size,
    hidden: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    intermediate: config.intermediate_size,
    layerNormEps: config.layer_norm_eps,
    hiddenDropout: options.hiddenDropout ?? config.hidden_dropout_prob,
    attentionDropout: options.attentionDropout ?? config.attention_probs_dropout_prob,
    pooler: options.pooler,
  };
}
