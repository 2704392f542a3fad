import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export interface TransformersAnswer {
  readonly loading: Readonly<Record<'missing_keys' | 'unexpected_keys' | 'mismatched_keys', readonly string[]>>;
  readonly tasks: Readonly<Record<string, { readonly ids: readonly (readonly number[])[]; readonly logits: readonly (readonly number[])[] }>>;
}

const python = process.env['PYTHON'] ?? 'python3';

/** Why transformers cannot be asked, or undefined if it can. */
export function transformersMissing(): string | undefined {
  const { status } = spawnSync(python, ['-c', 'import torch, transformers'], { stdio: 'ignore' });
  return status === 0 ? undefined : `${python} has no torch and transformers (pip install -r bench/peers/requirements.txt)`;
}

/** Token ids and logits of the texts by a folder's own tokenizer and model in transformers. */
export function askTransformers(folder: string, maxLength: number, tasks: Readonly<Record<string, readonly (readonly string[])[]>>): TransformersAnswer {
  const { status, stdout, stderr } = spawnSync(python, [join(import.meta.dirname, '..', 'python', 'real_logits.py')], {
    input: JSON.stringify({ folder, maxLength, tasks }),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`transformers cannot use ${folder}:\n${stderr}`);
  return JSON.parse(stdout) as TransformersAnswer;
}
