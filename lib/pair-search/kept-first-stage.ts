/** Keep mode's first stage: trained, or taken from the folder where it was kept. */
import { dirname, join } from 'node:path';
import { cacheFolder } from '../data/cache.ts';
import { flat } from '../rates/distribution.ts';
import { requireWritable } from '../train/files.ts';
import { firstStageConfiguration, modelDigest } from './configuration.ts';
import { firstStagePath, loadFirstStage, storeFirstStage } from './first-stage.ts';
import type { PairModel } from './pair-model.ts';
import { firstTraining } from './stage-training.ts';

export interface FirstStageOptions {
  readonly signal?: AbortSignal;
  /** That the first stage cannot be kept, and why. */
  readonly onNote?: (note: string) => void;
}

/** Brings the model to the end of its first stage. A folder that cannot be written is told before anything is trained, and done without. */
export async function takeFirstStage(pair: PairModel, { signal, onNote }: FirstStageOptions): Promise<void> {
  const { model, options } = pair;
  const path = await pathOf(pair);
  const found = path === undefined ? undefined : await loadFirstStage(path, model);
  if (found !== undefined) {
    model.steps = found.steps;
    return;
  }
  const keeps = path !== undefined && (await succeeds(() => requireWritable(dirname(path)), onNote));
  await using run = model.train({
    ...firstTraining(options),
    task: options.tasks[0],
    rates: ratesOf(pair),
    loggingSteps: 0,
    ...(signal && { signal }),
  });
  await run.result;
  // The disk may be full by now.
  if (keeps) await succeeds(() => storeFirstStage(path, model, { steps: model.steps }), onNote);
}

function ratesOf({ options }: PairModel) {
  return options.firstRates ?? flat(5e-5);
}

async function pathOf(pair: PairModel): Promise<string | undefined> {
  const { model, options } = pair;
  const { cache = join(cacheFolder(), 'first-stages') } = options;
  if (cache === false) return undefined;
  const configuration = firstStageConfiguration({
    model,
    modelDigest: await modelDigest(options.model),
    task: options.tasks[0],
    training: firstTraining(options),
    rates: ratesOf(pair),
  });
  return firstStagePath(cache, configuration);
}

/** @returns false, and a note, if something cannot be written */
async function succeeds(write: () => Promise<void>, onNote: FirstStageOptions['onNote']): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    // The addon's errors have codes too.
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_WRITE')) throw error;
    onNote?.(`the first stage is not kept, every process trains its own: ${error.message}`);
    return false;
  }
}
