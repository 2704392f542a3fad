import { z } from 'zod';
import { LrdistError } from '../../errors.ts';

export const neededFiles = {
  config: 'config.json',
  weights: 'model.safetensors',
  index: 'model.safetensors.index.json',
} as const;

const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.txt',
  'special_tokens_map.json',
  'added_tokens.json',
];

/**
 * Which of a repository's files are fetched: the config, the tokenizer and the safetensors weights (or the index of their shards). Pickled
 * weights never are.
 * @throws LrdistError ERR_MODEL_UNSUPPORTED if there is no config or no safetensors file.
 */
export function chooseFiles(id: string, files: readonly string[]): string[] {
  const has = new Set(files);
  const weights = [neededFiles.weights, neededFiles.index].find((name) => has.has(name));
  if (!has.has(neededFiles.config)) {
    throw new LrdistError('ERR_MODEL_UNSUPPORTED', `${id} has no config.json, so it is not a transformers model.`, {
      remedy: `It holds ${files.slice(0, 12).join(', ')}. Choose a model in Hugging Face's format.`,
    });
  }
  if (weights === undefined) {
    const pickled = files.find((name) => /^pytorch_model.*\.bin$/.test(name));
    throw new LrdistError('ERR_MODEL_UNSUPPORTED', `${id} has no model.safetensors.`, {
      remedy:
        pickled === undefined
          ? 'Choose a model with safetensors weights.'
          : `It only has ${pickled}, a pickle, which may run code and is not read. Convert it with transformers (save_pretrained), or give a revision with safetensors.`,
    });
  }
  return [neededFiles.config, ...tokenizerFiles.filter((name) => has.has(name)), weights];
}

const indexFile = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Names of the shards in a `model.safetensors.index.json`.
 * @throws LrdistError ERR_SAFETENSORS if it is broken or a name leads out of the model's folder.
 */
export function shardsOf(index: string, path: string): string[] {
  let shards: string[];
  try {
    shards = [...new Set(Object.values(indexFile.parse(JSON.parse(index)).weight_map))].sort();
  } catch (error) {
    throw new LrdistError('ERR_SAFETENSORS', `${path} is not an index of safetensors files.`, {
      remedy: 'Remove it and fetch it again.',
      cause: error,
    });
  }
  const odd = shards.find((name) => !/^[\w.-]+\.safetensors$/.test(name));
  if (odd !== undefined) {
    throw new LrdistError('ERR_SAFETENSORS', `${path} names "${odd}", which is no safetensors file in this folder.`, {
      remedy: 'Do not use this model.',
    });
  }
  return shards;
}
