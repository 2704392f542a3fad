/** A tiny BERT pretrained on the demo's language, made once and kept in the cache folder. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../data/cache.ts';
import { encodeRows } from '../data/dataset.ts';
import { openTokenizer } from '../data/tokenizer.ts';
import { flat } from '../rates/distribution.ts';
import { exists, writeFolder, writeWhole } from '../train/files.ts';
import type { Operation } from '../train/model.ts';
import { openModel } from '../train/open.ts';
import type { RunResult } from '../train/run.ts';
import { drawCorpus, type Passage } from './corpus.ts';
import type { DemoEvent } from './events.ts';
import type { DemoSettings } from './settings.ts';
import { specialTokens, vocabulary } from './vocabulary.ts';

/** Raise it when pretraining changes in a way that the settings and the text do not show. */
const version = 1;
const seed = 1;
const positions = 96;

export interface BaseModel {
  /** A Hugging Face folder: BertForMaskedLM with its tokenizer. */
  readonly folder: string;
  /** Whether it was there already. */
  readonly reused: boolean;
}

export interface BaseModelOptions extends Operation {
  /** Default: `demo` in the cache folder. */
  readonly cache?: string;
  readonly threads?: number;
  /** As of openModel. */
  readonly device?: string;
  readonly onEvent?: (event: DemoEvent) => void;
}

/** Finds or makes the pretrained model. The folder's name is a key of all that decides its weights, so other settings make another one. */
export async function baseModel(
  settings: Pick<DemoSettings, 'model' | 'pretraining'>,
  options: BaseModelOptions = {},
): Promise<BaseModel> {
  const { signal } = options;
  signal?.throwIfAborted();
  const corpus = drawCorpus(settings.pretraining.passages, seed);
  const parent = options.cache ?? join(cacheFolder(), 'demo');
  const folder = join(parent, `base-${keyOf(settings, corpus)}`);
  if (await exists(join(folder, 'model.safetensors'))) return { folder, reused: true };
  await mkdir(parent, { recursive: true });
  const written = writeFolder(folder, async (temporary) => {
    await writeWhole(join(temporary, 'vocab.txt'), `${vocabulary().join('\n')}\n`);
    await writeWhole(
      join(temporary, 'tokenizer_config.json'),
      json({ do_lower_case: true, model_max_length: positions, tokenizer_class: 'BertTokenizer' }),
    );
    await writeWhole(join(temporary, 'config.json'), json(configOf(settings.model)));
    await pretrain(temporary, corpus, settings.pretraining, options);
  });
  await written.catch((error: unknown) => {
    // A stop comes out of writeFolder as a failure to write.
    throw signal?.aborted === true ? signal.reason : error;
  });
  return { folder, reused: false };
}

function keyOf(settings: Pick<DemoSettings, 'model' | 'pretraining'>, corpus: readonly Passage[]): string {
  const { model, pretraining } = settings;
  return createHash('sha256')
    .update(JSON.stringify([version, seed, model, pretraining, vocabulary(), corpus]))
    .digest('hex')
    .slice(0, 12);
}

function configOf({ hidden, layers, heads, intermediate }: DemoSettings['model']): Record<string, unknown> {
  return {
    architectures: ['BertForMaskedLM'],
    model_type: 'bert',
    vocab_size: vocabulary().length,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: intermediate,
    hidden_act: 'gelu',
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
    max_position_embeddings: positions,
    type_vocab_size: 2,
    initializer_range: 0.02,
    layer_norm_eps: 1e-12,
    pad_token_id: 0,
  };
}

/** Masked-language-model training from fresh weights; fills the folder with the result. */
async function pretrain(
  folder: string,
  corpus: readonly Passage[],
  settings: DemoSettings['pretraining'],
  { signal, threads, device, onEvent }: BaseModelOptions,
): Promise<RunResult> {
  const abort = signal === undefined ? {} : { signal };
  const tokenizer = await openTokenizer(folder);
  const rows = corpus.map(([a, b], id) => ({ a, ...(b === undefined ? {} : { b }), label: NaN, id }));
  const dataset = await encodeRows(rows, tokenizer, { maxLength: positions, cache: false, ...abort });
  await using model = await openModel({
    path: folder,
    from: 'config',
    heads: [{ name: 'mlm', kind: 'masked-lm' }],
    seed,
    hiddenDropout: 0,
    attentionDropout: 0,
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device }),
    ...abort,
  });
  await using run = model.train({
    head: 'mlm',
    dataset,
    masking: {
      probability: settings.maskProbability,
      maskId: specialTokens.indexOf('[MASK]'),
      special: Int32Array.from(tokenizer.specialIds),
    },
    rates: flat(settings.rate),
    epochs: settings.epochs,
    batchSize: settings.batchSize,
    schedule: { lr_scheduler_type: 'linear', warmup_ratio: 0.1 },
    weightDecay: 0.01,
    loggingSteps: 0,
    ...abort,
  });
  for await (const event of run) {
    if (event.type === 'step')
      onEvent?.({
        type: 'pretraining',
        step: event.step,
        of: event.of,
        loss: event.losses[0]!,
        tokensPerSecond: event.tokensPerSecond,
      });
  }
  const result = await run.result;
  onEvent?.({
    type: 'pretraining',
    step: result.steps,
    of: result.steps,
    loss: result.losses[0]!.at(-1)!,
    tokensPerSecond: result.tokens / result.seconds,
  });
  await model.save(folder, { head: 'mlm', ...abort });
  return result;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
