/**
 * Checkpoints: a folder `checkpoint-<step>` with the state of each replica (weights, both moments, step counts, touched rows; seed, step, plan and versions
 * in each file's header), Hugging Face's `trainer_state.json` and our own `lrdist_state.json`. The folder appears by one rename, so it is whole
 * or not there.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import type { NativeFileTensor } from '../native/boundary.ts';
import { checkpointFiles, storedTensors } from './checkpoint-tensors.ts';
import { exists, readFailed, writeFolder, writeJson, writeWhole } from './files.ts';
import type { Model } from './model.ts';
import type { Boundary } from './options.ts';
import type { Protocol } from './protocol.ts';
import type { RunResume } from './run.ts';
import { makeHeader, readHeader, type SafetensorsHeader } from './safetensors.ts';
import { copyTokenizer, savedConfig } from './save.ts';
import type { WantedHead } from './hf.ts';

const numbers = z.array(z.number());

const stateSchema = z.object({
  format: z.literal('lrdist-checkpoint/1'),
  step: z.number().int().nonnegative(),
  /** Steps of the model over all its runs: the dropout stream's position. */
  model_steps: z.number().int().nonnegative(),
  protocol: z.record(z.string(), z.union([z.string(), z.number()])),
  tokens: z.number(),
  seconds: z.number(),
  non_finite: numbers,
  /** Float32 values by replica, base64. */
  losses: z.array(z.string()),
  grad_norms: z.array(z.string()),
  /** What the trainer above the loop remembers. */
  trainer: z.unknown(),
});

type StateFile = z.infer<typeof stateSchema>;

export interface Checkpoint {
  readonly folder: string;
  readonly state: StateFile;
}

export interface CheckpointParts {
  readonly model: Model;
  readonly outputDir: string;
  /** Head stored as the folder's classifier. */
  readonly head: WantedHead | undefined;
  readonly boundary: Boundary;
  readonly protocol: Protocol;
  readonly trainer: unknown;
  /** Content of trainer_state.json. */
  readonly trainerState: unknown;
}

/** @returns the folder */
export async function writeCheckpoint(parts: CheckpointParts): Promise<string> {
  const { model, boundary, protocol } = parts;
  const folder = join(parts.outputDir, `checkpoint-${boundary.step}`);
  const state: StateFile = {
    format: 'lrdist-checkpoint/1',
    step: boundary.step,
    model_steps: model.steps,
    protocol: { ...protocol },
    tokens: boundary.tokens,
    seconds: boundary.seconds,
    non_finite: [...boundary.nonFinite],
    losses: boundary.losses.map(encode),
    grad_norms: boundary.gradNorms.map(encode),
    trainer: parts.trainer,
  };
  await writeFolder(folder, async (temporary) => {
    for (let replica = 0; replica < model.replicas; replica++) {
      const stored = storedTensors(model, replica, parts.head);
      const metadata = {
        format: 'pt',
        lrdist: JSON.stringify({ step: state.step, model_steps: state.model_steps, replica, protocol }),
      };
      for (const file of checkpointFiles(replica, model.replicas)) {
        const inFile = stored.filter((tensor) => tensor.file === file);
        const sources = inFile.map(({ source }) => source);
        await model.session.write(resolve(temporary, file), makeHeader(inFile, metadata), sources);
      }
    }
    if (model.replicas === 1) {
      await writeWhole(
        join(temporary, 'config.json'),
        savedConfig({ config: model.config, head: parts.head, parameters: model.parameters, pool: model.pool }),
      );
      await copyTokenizer(model.path, temporary);
    }
    await writeJson(join(temporary, 'trainer_state.json'), parts.trainerState, 2);
    await writeJson(join(temporary, 'lrdist_state.json'), state, 0);
  });
  return folder;
}

/** Fills weights, moments and counts of every replica. @throws ERR_PROTOCOL_MISMATCH, ERR_SAFETENSORS */
export async function restoreCheckpoint(
  checkpoint: Checkpoint,
  model: Model,
  head: WantedHead | undefined,
): Promise<void> {
  for (let replica = 0; replica < model.replicas; replica++)
    await loadReplica(checkpoint.folder, model, head, replica, true);
}

/** One replica's weights alone: the best model's. */
export async function restoreWeights(
  folder: string,
  model: Model,
  head: WantedHead | undefined,
  replica: number,
): Promise<void> {
  await loadReplica(folder, model, head, replica, false);
}

async function loadReplica(
  folder: string,
  model: Model,
  head: WantedHead | undefined,
  replica: number,
  all: boolean,
): Promise<void> {
  const headers = new Map<string, SafetensorsHeader>();
  for (const file of checkpointFiles(replica, model.replicas)) headers.set(file, await readHeader(join(folder, file)));
  const list = storedTensors(model, replica, head).flatMap((wanted): NativeFileTensor[] => {
    const { buffer, parameter } = wanted.source;
    if (!all && buffer !== 'weights') return [];
    const path = join(folder, wanted.file);
    const entry = headers.get(wanted.file)!.tensors.get(wanted.name);
    if (entry === undefined || entry.dtype !== wanted.dtype || entry.shape.join() !== wanted.shape.join()) {
      throw new LrdistError(
        'ERR_PROTOCOL_MISMATCH',
        `${path} has no ${wanted.dtype} tensor "${wanted.name}" of shape [${wanted.shape.join(', ')}]`,
        { remedy: 'Use the model the checkpoint was made with.' },
      );
    }
    return [{ path, offset: entry.offset, dtype: wanted.dtype, buffer, parameter, replica }];
  });
  await model.session.load(list);
}

/** Where a run goes on. */
export function resumeOf(checkpoint: Checkpoint, restore: () => Promise<void>): RunResume {
  const { state } = checkpoint;
  return {
    step: state.step,
    losses: state.losses.map(decode),
    gradNorms: state.grad_norms.map(decode),
    nonFinite: state.non_finite,
    tokens: state.tokens,
    seconds: state.seconds,
    restore,
  };
}

/** Step numbers of the checkpoint folders in an output folder, ascending. */
export async function listCheckpoints(outputDir: string): Promise<readonly number[]> {
  const names = await readdir(outputDir).catch(() => [] as string[]);
  return names
    .flatMap((name) => /^checkpoint-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** The newest whole checkpoint of an output folder; damaged ones are passed over. */
export async function latestCheckpoint(outputDir: string): Promise<Checkpoint | undefined> {
  for (const step of [...(await listCheckpoints(outputDir))].reverse()) {
    try {
      return await openCheckpoint(join(outputDir, `checkpoint-${step}`));
    } catch (error) {
      if (!(error instanceof LrdistError)) throw error;
    }
  }
  return undefined;
}

/** @throws ERR_READ, ERR_PROTOCOL_MISMATCH, ERR_SAFETENSORS */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const path = join(folder, 'lrdist_state.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (await exists(join(folder, 'trainer_state.json'))) {
      throw new LrdistError(
        'ERR_PROTOCOL_MISMATCH',
        `${folder} is a checkpoint of another program: it has no lrdist_state.json`,
        { remedy: 'Use it as --model_name_or_path instead: its weights load, its optimizer state does not.' },
      );
    }
    throw readFailed(path, error);
  }
  let state: StateFile;
  try {
    state = stateSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new LrdistError(
      'ERR_PROTOCOL_MISMATCH',
      `${path} is not a checkpoint of this version: ${error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message}`,
      { cause: error },
    );
  }
  for (let replica = 0; replica < state.losses.length; replica++) {
    for (const file of checkpointFiles(replica, state.losses.length)) await readHeader(join(folder, file));
  }
  return { folder, state };
}

/** Deletes the oldest checkpoints beyond `limit`, never those in `keep` or the newest. */
export async function rotateCheckpoints(
  outputDir: string,
  limit: number | undefined,
  keep: ReadonlySet<string>,
): Promise<void> {
  if (limit === undefined) return;
  const folders = (await listCheckpoints(outputDir)).map((step) => join(outputDir, `checkpoint-${step}`));
  let excess = folders.length - limit;
  for (const folder of folders.slice(0, -1)) {
    if (excess <= 0) return;
    if (keep.has(folder)) continue;
    await rm(folder, { recursive: true, force: true });
    excess -= 1;
  }
}

function encode(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}

function decode(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
