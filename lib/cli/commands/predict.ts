import type { Argv, CommandModule } from 'yargs';
import { LrdistError } from '../../errors.ts';
import { requireWritable } from '../../train/files.ts';
import { openModel } from '../../train/open.ts';
import { command, type CommandContext } from '../run.ts';
import { requireClassifier } from '../training/classifier.ts';
import { modelFolder, optional, optionNumber, optionText, precisionOf, taskOf } from '../training/inputs.ts';
import { batchSizeOf, noteHidden, predictionOptions, type RawArguments } from '../training/options.ts';
import { writePredictions } from '../training/predictions.ts';

const builder = (y: Argv): Argv<RawArguments> =>
  y
    .options(predictionOptions)
    .example(
      'lrdist predict --model out --task mrpc --data_dir DIR --output_dir predictions',
      'writes predictions/MRPC.tsv',
    );

async function run(args: RawArguments, context: CommandContext): Promise<void> {
  const { signal, output } = context;
  for (const note of noteHidden(args)) output.note(note);
  const outputDir = optionText(args, 'output_dir');
  if (outputDir === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'no --output_dir', {
      remedy: 'Say which folder the predictions go to.',
    });
  await requireWritable(outputDir);
  const folder = await modelFolder(args, context);
  const split = optionText(args, 'split') ?? 'test';
  const task = await taskOf(args, folder, [split as 'test'], context, true);
  for (const note of task.notes) output.note(note);

  await using model = await openModel({
    path: folder,
    tasks: [task],
    signal,
    ...optional('device', optionText(args, 'device')),
    ...optional('threads', optionNumber(args, 'threads')),
    ...precisionOf(args),
  });
  requireClassifier(model, task);
  for (const note of model.loaded.notes) output.note(note);
  const splits = Object.keys(task.splits);
  if (splits.length === 0)
    throw new LrdistError('ERR_INVALID_OPTION', `task ${task.name} has no rows of ${split} to predict`, {
      remedy: 'Give --test_file, or another --split.',
    });
  const files = await writePredictions(model, task, [outputDir], { batchSize: batchSizeOf(args), signal, splits });
  output.result({ task: task.name, model: optionText(args, 'model_name_or_path'), files }, () =>
    files.map(({ path, rows }) => `${path}: ${rows} predictions`).join('\n'),
  );
}

export default {
  command: 'predict',
  describe: 'write predictions in the GLUE submission format',
  builder,
  handler: command<RawArguments>(run),
} satisfies CommandModule<object, RawArguments>;
