import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LrdistError } from '../errors.ts';
import { cachedFile, type CacheOptions, keyOfFiles } from './cache.ts';
import { type Template, templatesOf } from './template.ts';
import { factsCodec, type TokenizerFacts } from './tokenizer-facts.ts';
import { readTokenizerFiles, tokenizerFiles } from './tokenizer-files.ts';
import { buildTokenizerJson, type SpecialTokens, specialTokensOf } from './tokenizer-json.ts';
import { type NativeTokenizer, nativeTokenizers } from './tokenizers-native.ts';

export interface TokenizerOptions extends Pick<CacheOptions, 'cache' | 'overwriteCache'> {
  /** `vocab_size` of the model; an id at or above it is ERR_TOKENIZER. */
  readonly vocabSize?: number;
  /** `max_position_embeddings` of the model: bounds `maxLength`. */
  readonly maxPositions?: number;
}

/** A model folder's tokenizer, with the same ids as Hugging Face's. */
export interface Tokenizer {
  /** Number of ids: the largest id plus one, added tokens counted. */
  readonly vocabSize: number;
  /** Longest input in tokens: `model_max_length`, bounded by the model's positions; Infinity if neither is known. */
  readonly maxLength: number;
  /** Ids of the special tokens by role; absent where the vocabulary has none. */
  readonly special: Readonly<Partial<Record<keyof SpecialTokens, number>>>;
  /** The special ids, ascending: never masked and never drawn in masked-LM training. */
  readonly specialIds: readonly number[];
  /** What is put around one text and around a pair. */
  readonly templates: { readonly single: Template; readonly pair: Template };
  /** Which end of a text is cut when it is too long. */
  readonly truncationSide: 'left' | 'right';
  /** SHA-256 of everything that decides the ids. */
  readonly fingerprint: string;
  /** Token ids of each text, without special tokens and uncut. */
  encodeTexts(texts: readonly string[]): Promise<Int32Array[]>;
}

/**
 * Reads a tokenizer from a model folder: `tokenizer.json`, or `vocab.txt` with the settings of `tokenizer_config.json` and
 * `special_tokens_map.json`. Truncation and padding that `tokenizer.json` may carry are ignored: lengths are the caller's. What is known of files
 * that were read before comes from the cache; the tokenizer itself is built when the first text is encoded.
 * @throws LrdistError ERR_TOKENIZER.
 */
export async function openTokenizer(folder: string, options: TokenizerOptions = {}): Promise<Tokenizer> {
  let native: Promise<NativeTokenizer> | undefined;
  const facts = await cachedFile(
    () => keyOfFolder(folder),
    options,
    factsCodec,
    async () => {
      const built = await build(folder);
      native = Promise.resolve(built.native);
      return built.facts;
    },
  );
  const { vocabSize, fingerprint } = facts;
  if (options.vocabSize !== undefined && vocabSize > options.vocabSize) {
    throw new LrdistError(
      'ERR_TOKENIZER',
      `The tokenizer in ${folder} has ${vocabSize} ids, but the model's vocabulary has ${options.vocabSize}.`,
      {
        remedy: 'Use the tokenizer files that belong to the model.',
      },
    );
  }
  return {
    vocabSize,
    maxLength: Math.min(facts.maxLength ?? Infinity, options.maxPositions ?? Infinity),
    special: facts.special,
    specialIds: [...new Set(Object.values(facts.special))].sort((x, y) => x - y),
    templates: facts.templates,
    truncationSide: facts.truncationSide,
    fingerprint,
    encodeTexts: async (texts) => {
      native ??= rebuild(folder, fingerprint);
      const encodings = await (await native).encodeBatch(texts, { addSpecialTokens: false });
      return encodings.map((encoding) => Int32Array.from(encoding.getIds()));
    },
  };
}

async function keyOfFolder(folder: string): Promise<string> {
  const there: readonly string[] = await readdir(folder).catch(() => []);
  const names = tokenizerFiles.filter((name) => there.includes(name));
  return keyOfFiles(
    ['tokenizer', names],
    names.map((name) => join(folder, name)),
  );
}

async function build(folder: string): Promise<{ native: NativeTokenizer; facts: TokenizerFacts }> {
  const files = await readTokenizerFiles(folder);
  const json = buildTokenizerJson(files);
  const native = open(json, folder);
  const vocabulary = native.getVocab(true);
  let vocabSize = 0;
  for (const id of Object.values(vocabulary)) vocabSize = Math.max(vocabSize, id + 1);
  const special: Partial<Record<keyof SpecialTokens, number>> = {};
  for (const [role, name] of Object.entries(specialTokensOf(files.settings)) as [keyof SpecialTokens, string][]) {
    const id = Object.hasOwn(vocabulary, name) ? vocabulary[name] : undefined;
    if (id !== undefined) special[role] = id;
  }
  const truncationSide = files.settings.truncation_side ?? 'right';
  const facts = {
    vocabSize,
    maxLength: files.settings.model_max_length ?? null,
    special,
    templates: await templatesOf(native),
    truncationSide,
    fingerprint: createHash('sha256').update(json).update(truncationSide).digest('hex'),
  };
  return { native, facts };
}

async function rebuild(folder: string, fingerprint: string): Promise<NativeTokenizer> {
  const { native, facts } = await build(folder);
  if (facts.fingerprint === fingerprint) return native;
  throw new LrdistError('ERR_TOKENIZER', `The tokenizer in ${folder} was changed while it was in use.`, {
    remedy: 'Start again.',
  });
}

function open(json: string, folder: string): NativeTokenizer {
  const { Tokenizer } = nativeTokenizers();
  try {
    return Tokenizer.fromString(json);
  } catch (error) {
    throw new LrdistError('ERR_TOKENIZER', `The tokenizer in ${folder} cannot be built: ${(error as Error).message}`, {
      remedy: 'Fetch tokenizer.json again, or remove it if vocab.txt is there.',
      cause: error,
    });
  }
}
