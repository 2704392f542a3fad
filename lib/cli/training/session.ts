/** What `train` does before and after the run itself. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LrdistError } from '../../errors.ts';
import type { Matmul, Precision } from '../../native/boundary.ts';
import { deviceKind } from '../../native/devices.ts';
import { flat, MAX_RATE, type RateDistribution } from '../../rates/distribution.ts';
import { loadRates } from '../../rates/parse.ts';
import { type Checkpoint, latestCheckpoint, listCheckpoints, openCheckpoint } from '../../train/checkpoint.ts';
import { deviceOf, devicesOf } from '../../train/protocol.ts';
import { exists, removeLeftovers, requireWritable } from '../../train/files.ts';
import { optional, optionNumber, optionText, precisionOf } from './inputs.ts';
import type { RawArguments } from './options.ts';
import { hasParts, removeParts } from './parts.ts';

/** Distributions of --rates, or the flat one of --learning_rate. */
export async function distributionsOf(args: RawArguments, layers: number): Promise<readonly RateDistribution[]> {
  const rate = optionNumber(args, 'learning_rate');
  if (rate !== undefined && !(rate > 0 && rate <= MAX_RATE)) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `--learning_rate: expected a number above 0 and at most ${MAX_RATE}, received ${rate}`,
    );
  }
  const list = optionText(args, 'rates');
  return list === undefined ? [flat(rate ?? 5e-5, layers)] : loadRates(list, { layers, base: rate });
}

/**
 * Makes sure the output folder can be written before any work, and finds what to resume: --resume_from_checkpoint, or, as a Trainer does, the newest
 * checkpoint that is there unless --overwrite_output_dir.
 */
export async function prepareOutput(
  args: RawArguments,
): Promise<{ outputDir: string | undefined; resume: Checkpoint | undefined; found: boolean }> {
  const outputDir = optionText(args, 'output_dir');
  const wanted = optionText(args, 'resume_from_checkpoint');
  const explicit = wanted !== undefined && !/^(true|false)$/i.test(wanted) ? await openCheckpoint(wanted) : undefined;
  if (outputDir === undefined) {
    if (/^true$/i.test(wanted ?? ''))
      throw new LrdistError('ERR_INVALID_OPTION', '--resume_from_checkpoint true needs --output_dir', {
        remedy: 'Give the output folder of the interrupted run, or the checkpoint folder itself.',
      });
    return { outputDir, resume: explicit, found: false };
  }
  await requireWritable(outputDir);
  await removeLeftovers(outputDir);
  if (explicit !== undefined) return { outputDir, resume: explicit, found: false };
  if (args['overwrite_output_dir'] === true) {
    for (const step of await listCheckpoints(outputDir))
      await rm(join(outputDir, `checkpoint-${step}`), { recursive: true, force: true });
    await removeParts(outputDir);
    return { outputDir, resume: undefined, found: false };
  }
  // Its parts have their own checkpoints, and some may be done.
  if (!/^false$/i.test(wanted ?? '') && (await hasParts(outputDir)))
    return { outputDir, resume: undefined, found: wanted === undefined };
  if (/^false$/i.test(wanted ?? '')) return { outputDir, resume: undefined, found: false };
  const resume = await latestCheckpoint(outputDir);
  if (resume !== undefined) return { outputDir, resume, found: wanted === undefined };
  if (wanted !== undefined)
    throw new LrdistError('ERR_READ', `${outputDir} has no whole checkpoint to resume from`, {
      remedy: 'Start anew without --resume_from_checkpoint.',
    });
  if ((await exists(join(outputDir, 'model.safetensors'))) || (await hasTrainedReplica(outputDir))) {
    throw new LrdistError('ERR_INVALID_OPTION', `--output_dir ${outputDir} already holds a trained model`, {
      remedy: 'Choose another folder, or add --overwrite_output_dir.',
    });
  }
  return { outputDir, resume: undefined, found: false };
}

async function hasTrainedReplica(outputDir: string): Promise<boolean> {
  for (const entry of await readdir(outputDir, { withFileTypes: true })) {
    if (entry.isDirectory() && (await exists(join(outputDir, entry.name, 'train_results.json')))) return true;
  }
  return false;
}

/**
 * Settings of the session that must be those of the checkpoint; an option that says otherwise is caught as a mismatch. The devices are of the checkpoint's
 * kind and as many, unless the command line names some; on another kind of device its threads and library for matrix products say nothing.
 */
export function sessionSettings(
  args: RawArguments,
  resume: Checkpoint | undefined,
): { device?: string; threads?: number; matmul?: Matmul; precision?: Precision } {
  const protocol = resume?.state.protocol;
  const before = protocol === undefined ? undefined : deviceOf(protocol);
  const device = optionText(args, 'device') ?? (protocol === undefined ? undefined : devicesOf(protocol));
  const moved = before !== undefined && device !== 'auto' && deviceKind(device!) !== before;
  const kept = moved ? undefined : protocol;
  const precision = protocol?.['precision'] as Precision | undefined;
  const threads = optionNumber(args, 'threads') ?? (kept?.['threads'] as number | undefined);
  return {
    ...optional('device', device),
    ...optional('threads', threads),
    ...optional('matmul', kept?.['matmul'] as Matmul | undefined),
    // What processors do not compute in is a mismatch, as other precisions are.
    ...(device === 'cpu' && precision === 'tf32' ? {} : optional('precision', precision)),
    ...precisionOf(args),
  };
}

/** Folder of each replica's results: the output folder itself, or one below it by the distribution's name. */
export function replicaFolders(outputDir: string, distributions: readonly RateDistribution[]): readonly string[] {
  if (distributions.length === 1) return [outputDir];
  const used = new Set<string>();
  return distributions.map(({ name }, k) => {
    const plain = name.replaceAll(/[^\w.@+-]+/g, '_');
    const folder = used.has(plain) || plain.startsWith('.') || plain === '' ? `${k + 1}-${plain}` : plain;
    used.add(folder);
    return join(outputDir, folder);
  });
}
