import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LrdistError } from '../errors.ts';

const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]);

const specialTokens = z.object({
  unk_token: token.nullish(),
  sep_token: token.nullish(),
  pad_token: token.nullish(),
  cls_token: token.nullish(),
  mask_token: token.nullish(),
});

const settings = specialTokens.extend({
  tokenizer_class: z.string().nullish(),
  do_lower_case: z.boolean().nullish(),
  strip_accents: z.boolean().nullish(),
  tokenize_chinese_chars: z.boolean().nullish(),
  model_max_length: z.number().positive().nullish(),
  truncation_side: z.enum(['left', 'right']).nullish(),
});

/** The files that decide a tokenizer. */
export const tokenizerFiles = [
  'tokenizer.json',
  'vocab.txt',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
] as const;

/** `tokenizer.json`, as far as it is looked into; the rest is passed on. */
const tokenizerJson = z.looseObject({
  model: z.looseObject({}),
  normalizer: z.looseObject({ type: z.string() }).nullish(),
});

export type TokenizerSettings = z.infer<typeof settings>;

/** The files of a model folder that decide its tokenizer. */
export interface TokenizerFiles {
  readonly settings: TokenizerSettings;
  readonly tokenizerJson: z.infer<typeof tokenizerJson> | undefined;
  /** Lines of `vocab.txt`; read only where there is no `tokenizer.json`. */
  readonly vocabulary: readonly string[] | undefined;
  /** `added_tokens.json`: ids of tokens beyond the vocabulary. */
  readonly added: Readonly<Record<string, number>>;
}

/** @throws LrdistError ERR_TOKENIZER if neither `tokenizer.json` nor `vocab.txt` is there or a file is broken. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const map = await readJsonFile(folder, 'special_tokens_map.json', specialTokens);
  const config = await readJsonFile(folder, 'tokenizer_config.json', settings);
  const json = await readJsonFile(folder, 'tokenizer.json', tokenizerJson);
  const added = (await readJsonFile(folder, 'added_tokens.json', z.record(z.string(), z.int().nonnegative()))) ?? {};
  const text = json === undefined ? await readIfThere(join(folder, 'vocab.txt')) : undefined;
  if (json === undefined && text === undefined) {
    throw new LrdistError('ERR_TOKENIZER', `${folder} has neither tokenizer.json nor vocab.txt.`, {
      remedy: 'Copy the tokenizer files of the model into its folder.',
    });
  }
  const vocabulary = text?.split(/\r\n|\r|\n/);
  if (vocabulary?.at(-1) === '') vocabulary.pop();
  return { settings: { ...map, ...config }, tokenizerJson: json, vocabulary, added };
}

async function readJsonFile<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const path = join(folder, name);
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new LrdistError('ERR_TOKENIZER', `${path} is broken: ${problem}`, {
      remedy: 'Fetch the file again.',
      cause: error,
    });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new LrdistError('ERR_TOKENIZER', `${path} cannot be read: ${(error as Error).message}`, {
      remedy: 'Give the folder of a model and check that its files may be read.',
      cause: error,
    });
  }
}
