import { join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { LrdistError } from '../../errors.ts';
import { estimateShift, type ShiftEstimate } from '../../forgetting/estimate.ts';
import { estimateSequence, type SequenceEstimate } from '../../forgetting/sequence-estimate.ts';
import { taskSequence } from '../../forgetting/sequence.ts';
import type { ShiftOptions } from '../../forgetting/options.ts';
import { taskShift } from '../../forgetting/shift.ts';
import { thousands } from '../../rates/table.ts';
import { sequenceTable } from '../../report/sequence.ts';
import { shiftTable } from '../../report/shift.ts';
import { exists, requireWritable, writeJson } from '../../train/files.ts';
import { formatSeconds } from '../progress.ts';
import { command, type CommandContext } from '../run.ts';
import { isSequence, sequenceFrom } from '../sequence-arguments.ts';
import { readShared, type SharedOptions, shiftFrom, shiftOptions } from '../shift-arguments.ts';
import { shiftProgress } from '../shift-progress.ts';
import type { RawArguments } from '../training/options.ts';

const builder = (y: Argv): Argv<RawArguments> =>
  y
    .options(shiftOptions)
    .example(
      'lrdist shift --model DIR --tasks qnli,sst2 --rates flat@2e-4,fast-head@1e-4 --seeds 3 --max_train_samples 6000 --data-dir DIR',
      'compare two distributions on one pair of tasks',
    )
    .example(
      'lrdist shift --model DIR --tasks qnli,sst2,mnli --rates flat@2e-4,llrd-0.95@3e-4 --penalty none,ewc,replay@200 --seeds 3 --data-dir DIR',
      'compare distributions and penalties on three tasks in a row',
    );

async function run(args: RawArguments, context: CommandContext): Promise<void> {
  const { output } = context;
  const folder = args['output_dir'] as string | undefined;
  const file = folder === undefined ? undefined : join(folder, 'shift.json');
  if (folder !== undefined && file !== undefined && args['dry_run'] !== true)
    await prepare(folder, file, args['overwrite_output_dir'] === true);
  const shared = await readShared(args, context);
  if (isSequence(args)) {
    await runSequence(args, shared, file, context);
    return;
  }
  const options = shiftFrom(args, shared);
  if (args['dry_run'] === true) {
    const estimate = await estimateShift(options);
    output.result(estimate, () => estimateText(options, estimate));
    return;
  }
  const progress = shiftProgress(options, output);
  try {
    const record = await taskShift({ ...options, onEvent: progress.event });
    progress.stop();
    if (file !== undefined) await writeJson(file, record);
    output.result(record, () => shiftTable(record));
    if (file !== undefined) output.note(`The record is in ${file}`);
  } finally {
    progress.stop();
  }
}

async function runSequence(
  args: RawArguments,
  shared: SharedOptions,
  file: string | undefined,
  context: CommandContext,
): Promise<void> {
  const { output } = context;
  const options = await sequenceFrom(args, shared, context);
  if (args['dry_run'] === true) {
    const estimate = await estimateSequence(options);
    output.result(estimate, () => sequenceEstimateText(estimate));
    return;
  }
  await using sequence = taskSequence(options);
  const progress = shiftProgress(options, output);
  try {
    for await (const event of sequence) progress.event(event);
    const record = await sequence.result;
    progress.stop();
    if (file !== undefined) await writeJson(file, record);
    output.result(record, () => sequenceTable(record));
    if (file !== undefined) output.note(`The record is in ${file}`);
  } finally {
    progress.stop();
  }
}

async function prepare(folder: string, file: string, overwrite: boolean): Promise<void> {
  await requireWritable(folder);
  if (!overwrite && (await exists(file))) {
    throw new LrdistError('ERR_INVALID_OPTION', `--output_dir: ${file} is there already`, {
      remedy: 'Choose another folder, or add --overwrite_output_dir.',
    });
  }
}

function estimateText({ distributions }: ShiftOptions, { stages, seeds, seconds }: ShiftEstimate): string {
  const lines = stages.map(({ stage, task, replicas, steps, seconds_per_step }) => {
    return `stage ${stage}: ${task}, ${steps} steps of ${replicas} model${replicas > 1 ? 's' : ''} at ${(1000 * seconds_per_step).toFixed(0)} ms`;
  });
  return [
    `${distributions.map(({ name }) => name).join(', ')}; ${seeds} seed${seeds > 1 ? 's' : ''}, each:`,
    ...lines,
    `about ${formatSeconds(seconds)} in all`,
  ].join('\n');
}

function sequenceEstimateText({ combinations, passes, seeds, orders, rows, seconds }: SequenceEstimate): string {
  return [
    `${combinations.length} combinations: ${combinations.join(', ')}`,
    ...passes.map(({ name, replicas }) =>
      name === 'shared'
        ? `${replicas} side by side on the same batches`
        : `${replicas} with ${name}, on batches of their own`,
    ),
    `${seeds} seed${seeds > 1 ? 's' : ''}, ${orders} order${orders > 1 ? 's' : ''}, ${thousands(rows)} rows trained on in all`,
    `about ${formatSeconds(seconds)} in all`,
  ].join('\n');
}

export default {
  command: 'shift',
  describe: 'train on one task, then on others, and measure what is forgotten',
  builder,
  handler: command<RawArguments>(run),
} satisfies CommandModule<object, RawArguments>;
