import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export interface TransformersAnswer {
  readonly loading: Readonly<Record<'missing_keys' | 'unexpected_keys' | 'mismatched_keys', readonly string[]>>;
  readonly tasks: Readonly<
    Record<string, { readonly ids: readonly (readonly number[])[]; readonly logits: readonly (readonly number[])[] }>
  >;
}

const python = process.env['PYTHON'] ?? 'python3';

/** Why a test that compares real checkpoints with transformers cannot run, or false if it can. */
export function whyNot(data: string | undefined): string | false {
  if (process.env['LRDIST_TEST_FULL'] !== '1') return 'takes minutes (npm run test:full)';
  if (data === undefined) return 'no real data (set LRDIST_DATA)';
  const { status } = spawnSync(python, ['-c', 'import torch, transformers'], { stdio: 'ignore' });
  return status !== 0 && `${python} has no torch and transformers (pip install -r bench/peers/requirements.txt)`;
}

/** Token ids and logits of the texts by a folder's own tokenizer and model in transformers. */
export function askTransformers(
  folder: string,
  maxLength: number,
  tasks: Readonly<Record<string, readonly (readonly string[])[]>>,
): TransformersAnswer {
  const { status, stdout, stderr } = spawnSync(python, [join(import.meta.dirname, '..', 'python', 'real_logits.py')], {
    input: JSON.stringify({ folder, maxLength, tasks }),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`transformers cannot use ${folder}:\n${stderr}`);
  return JSON.parse(stdout) as TransformersAnswer;
}
