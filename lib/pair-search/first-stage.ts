/** First stages that were trained before: a safetensors file with all weights for each, by what made it. */
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isLrdistError } from '../errors.ts';
import type { Model } from '../train/model.ts';
import { makeHeader, readHeader } from '../train/safetensors.ts';

const version = 1;

export interface FirstStage {
  /** Optimizer steps of the model: the place in the stream of dropout masks. */
  readonly steps: number;
}

/** Path of the file for a first stage made by this configuration (plain JSON). */
export function firstStagePath(folder: string, configuration: unknown): string {
  const key = createHash('sha256')
    .update(JSON.stringify([version, configuration]))
    .digest('hex')
    .slice(0, 32);
  return join(folder, `${key}.safetensors`);
}

/** The model's weights (replica 0) to a file, which appears whole. @throws ERR_WRITE */
export async function storeFirstStage(path: string, model: Model, { steps }: FirstStage): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const tensors = model.parameters.map(({ name, shape }) => ({ name, shape, dtype: 'F32' }) as const);
  await model.session.write(
    path,
    makeHeader(tensors, { format: 'pt', lrdist_steps: String(steps) }),
    tensors.map((_, parameter) => ({ buffer: 'weights', parameter, replica: 0 })),
  );
}

/** Fills the model's weights from the file, if it is there. A broken file is deleted, and counts as absent. */
export async function loadFirstStage(path: string, model: Model): Promise<FirstStage | undefined> {
  try {
    const { tensors, metadata } = await readHeader(path);
    const steps = Number(metadata['lrdist_steps']);
    const found = model.parameters.map(({ name, shape }, parameter) => {
      const entry = tensors.get(name);
      return entry?.shape.join() === shape.join()
        ? ({ path, offset: entry.offset, dtype: 'F32', buffer: 'weights', parameter, replica: -1 } as const)
        : undefined;
    });
    if (Number.isInteger(steps) && found.every((entry) => entry !== undefined)) {
      await model.session.load(found);
      return { steps };
    }
  } catch (error) {
    if (!isLrdistError(error)) throw error;
    if (error.code === 'ERR_READ') return undefined;
  }
  // Where it cannot be deleted it cannot be written either, which the caller finds out.
  await rm(path, { force: true }).catch(() => undefined);
  return undefined;
}
