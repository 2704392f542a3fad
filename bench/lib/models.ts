import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchOptions, data } from './case.ts';
import { peersPython } from './python.ts';
import { root, runSide } from './side.ts';

interface BenchModel {
  /** Folder below models/ of the data; absent = made with random weights. */
  readonly folder?: string;
  /** Steps in the time of one of MiniLM's. */
  readonly pace: number;
}

const models: Readonly<Record<string, BenchModel>> = {
  minilm: { folder: 'minilm-l6-h384-uncased', pace: 1 },
  'bert-base': { pace: 1 / 3 },
  'bert-tiny': { folder: 'bert-tiny-uncased-mlm', pace: 8 },
};

function known(name: string): BenchModel {
  const model = models[name];
  if (model === undefined) throw new Error(`--models: expected ${Object.keys(models).join(', ')}, received ${name}`);
  return model;
}

/** The Hugging Face folder of a model by its short name; BERT-base's shape is written with random weights into the work folder the first time. */
export async function modelFolder(name: string, { work }: Pick<BenchOptions, 'work'>): Promise<string> {
  const { folder } = known(name);
  if (folder !== undefined) return join(data(), 'models', folder);
  const made = join(work, 'models', `${name}-shape`);
  if (existsSync(join(made, 'config.json')) && existsSync(join(made, 'tokenizer.json'))) return made;
  rmSync(made, { recursive: true, force: true });
  const tokenizer = join(data(), 'models', models['minilm']!.folder!);
  const program = join(root, 'bench', 'peers', 'random_model.py');
  await runSide({ name, command: [peersPython(work), program, '--tokenizer', tokenizer, '--output_dir', made] });
  return made;
}

/** `steps` for MiniLM, more for a smaller model and fewer for a larger one. */
export function stepsOf(name: string, steps: number): number {
  return Math.max(2, Math.round(steps * known(name).pace));
}
