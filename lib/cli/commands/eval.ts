import { join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { LrdistError } from '../../errors.ts';
import { requireWritable, writeJson } from '../../train/files.ts';
import { openModel } from '../../train/open.ts';
import { evaluationSplits, rowsOf } from '../../train/task.ts';
import { command, type CommandContext } from '../run.ts';
import { evaluateSplits, metricLines } from '../training/evaluation.ts';
import { evaluationOptions, noteHidden, type RawArguments, batchSizeOf } from '../training/options.ts';
import { modelFolder, optional, optionNumber, optionText, precisionOf, taskOf } from '../training/inputs.ts';
import { requireClassifier } from '../training/classifier.ts';

const builder = (y: Argv): Argv<RawArguments> =>
  y
    .options(evaluationOptions)
    .example(
      'lrdist eval --model out --task mrpc --data_dir DIR --json',
      'scores of a fine-tuned folder on the dev rows',
    );

async function run(args: RawArguments, context: CommandContext): Promise<void> {
  const { signal, output } = context;
  for (const note of noteHidden(args)) output.note(note);
  const outputDir = optionText(args, 'output_dir');
  if (outputDir !== undefined) await requireWritable(outputDir);
  const folder = await modelFolder(args, context);
  const split = optionText(args, 'split') ?? 'validation';
  const task = await taskOf(args, folder, [split as 'validation'], context, true);
  for (const note of task.notes) output.note(note);
  const splits = split === 'validation' ? evaluationSplits(task) : Object.keys(task.splits);
  if (splits.length === 0)
    throw new LrdistError('ERR_INVALID_OPTION', `task ${task.name} has no rows to evaluate on`, {
      remedy: 'Give --validation_file, or another --split.',
    });
  for (const name of splits) requireLabelled(name, task.splits[name]!.labels);

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
  const [metrics] = await evaluateSplits(model, task, splits, { batchSize: batchSizeOf(args), signal });
  if (outputDir !== undefined) {
    await writeJson(join(outputDir, 'eval_results.json'), metrics);
    await writeJson(join(outputDir, 'all_results.json'), metrics);
  }
  const document = {
    task: task.name,
    model: optionText(args, 'model_name_or_path'),
    split: splits.map((name) => ({ name, rows: rowsOf(task.splits[name]!) })),
    ...metrics,
  };
  output.result(document, () => `***** eval metrics *****\n${metricLines(metrics!)}`);
}

function requireLabelled(split: string, labels: Float32Array): void {
  if (labels.length > 0 && !labels.includes(NaN)) return;
  throw new LrdistError('ERR_DATA_INVALID', `the rows of ${split} have no labels, so they cannot be scored`, {
    remedy: 'Official test files have none: use lrdist predict for them.',
  });
}

export default {
  command: 'eval',
  describe: 'evaluate a fine-tuned model',
  builder,
  handler: command<RawArguments>(run),
} satisfies CommandModule<object, RawArguments>;
