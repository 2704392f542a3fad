import type { Argv, CommandModule } from 'yargs';
import { optional, modelFolder, taskOf, optionText } from '../training/inputs.ts';
import { noteHidden, type RawArguments, trainingInput, trainOptions } from '../training/options.ts';
import { type CommandContext, command } from '../run.ts';
import { distributionsOf, prepareOutput, replicaFolders, sessionSettings } from '../training/session.ts';
import { evaluateSplits, metricLines } from '../training/evaluation.ts';
import { showRun } from '../training/events.ts';
import { replicaTable } from '../training/table.ts';
import { unfreezing } from '../training/unfreezing.ts';
import { LrdistError } from '../../errors.ts';
import { toDocument } from '../../rates/file.ts';
import { runOptions, trainingArguments } from '../../train/arguments.ts';
import { readConfig } from '../../train/config.ts';
import { writeJson } from '../../train/files.ts';
import { fineTune } from '../../train/fine-tune.ts';
import { openModel } from '../../train/open.ts';
import { countRun } from '../../train/plan.ts';
import { Profile } from '../../train/profile.ts';
import { trainMetrics, weightsOutsideEmbeddings } from '../../train/results.ts';
import { evaluationSplits } from '../../train/task.ts';

// Imported when needed: the first step comes sooner. Functions out here, because the compiler leaves `.ts` in dynamic imports beside `await using`.
const dryRunModule = () => import('../training/dry-run.ts');
const recordsModule = () => import('../training/records.ts');
const predictionsModule = () => import('../training/predictions.ts');
const profileModule = () => import('../training/profile.ts');

const builder = (y: Argv): Argv<RawArguments> =>
  y
    .options(trainOptions)
    .example(
      'lrdist train --model DIR --task mrpc --data_dir DIR --learning_rate 5e-5 --output_dir out',
      'fine-tune at one rate',
    )
    .example(
      'lrdist train --model DIR --task sst2 --data_dir DIR --rates flat@5e-5,fast-head@5e-5 --output_dir out',
      'two distributions at once',
    );

async function run(args: RawArguments, context: CommandContext): Promise<void> {
  const { signal, output } = context;
  for (const note of noteHidden(args)) output.note(note);
  const input = trainingInput(args);
  const checked = trainingArguments(input);
  const folder = await modelFolder(args, context);
  const config = await readConfig(folder);
  const requested = await distributionsOf(args, config.num_hidden_layers);
  const names = requested.map(({ name }) => name);
  const dry = args['dry_run'] === true;
  const { outputDir, resume, found } = dry
    ? { outputDir: undefined, resume: undefined, found: false }
    : await prepareOutput(args);
  if (resume !== undefined)
    output.note(
      `resuming at step ${resume.state.step} from ${resume.folder}${found ? ' (--overwrite_output_dir starts anew)' : ''}`,
    );

  using profile = args['profile'] === true ? new Profile() : undefined;
  const wantsPredictions = args['do_predict'] === true;
  const wantsEvaluation = (args['do_eval'] ?? true) === true;
  const splits = [
    'train',
    ...(wantsEvaluation || checked.eval_strategy !== 'no' ? ['validation'] : []),
    ...(wantsPredictions ? ['test'] : []),
  ] as ('train' | 'validation' | 'test')[];
  const task = await taskOf(args, folder, splits, context, false);
  for (const note of task.notes) output.note(note);
  const trainRows = task.splits['train'];
  if (trainRows === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', `task ${task.name} has no rows to train on`, {
      remedy: 'Give --train_file, or a task with a train split.',
    });
  if (checked.eval_strategy !== 'no' && evaluationSplits(task).length === 0) {
    throw new LrdistError('ERR_INVALID_OPTION', '--eval_strategy needs rows to evaluate on', {
      remedy: 'Give --validation_file.',
    });
  }
  if (wantsPredictions && outputDir === undefined && !dry)
    throw new LrdistError('ERR_INVALID_OPTION', '--do_predict needs --output_dir', {
      remedy: 'Say where the predictions go.',
    });

  await using model = await openModel({
    path: folder,
    tasks: [task],
    replicas: requested.length,
    seed: checked.seed,
    signal,
    ...optional('pool', optionText(args, 'classifier_input') as 'pooler' | 'cls' | undefined),
    ...sessionSettings(args, resume),
  });
  for (const note of model.loaded.notes) output.note(note);
  const counts = countRun(runOptions(checked), [trainRows]);
  const distributions = unfreezing(args, requested, counts);
  if (dry) {
    // Awaited here: the model goes when this function returns.
    const { dryRun } = await dryRunModule();
    await dryRun({ model, task, distributions, args: checked, counts, context });
    return;
  }

  const tuning = fineTune(model, {
    task,
    rates: distributions,
    args: input,
    signal,
    ...optional('outputDir', outputDir),
    ...optional('resume', resume),
    ...optional('profile', profile),
  });
  for (const note of tuning.notes) output.note(note);
  const { groups } = await showRun(tuning.run, counts.total, resume?.state.step ?? 0, names, output);
  const tuned = await tuning.result;
  if (tuned.run.stopped) output.note(`stopped early at step ${tuned.run.steps} of ${counts.total}`);

  const parameters = weightsOutsideEmbeddings(model.parameters);
  const train = distributions.map((_, k) => trainMetrics(tuned.run, k, { samples: counts.rows, parameters }));
  const evaluated = wantsEvaluation ? evaluationSplits(task) : [];
  const evaluation =
    evaluated.length === 0
      ? undefined
      : await evaluateSplits(model, task, evaluated, {
          batchSize: checked.per_device_eval_batch_size,
          labelSmoothing: checked.label_smoothing_factor,
          epoch: tuned.run.epochs,
          signal,
        });
  const folders = outputDir === undefined ? undefined : replicaFolders(outputDir, distributions);
  if (folders !== undefined) {
    // Imported after training: the first step comes sooner.
    const { writeRecords } = await recordsModule();
    const record = { model, task, tuned, options: given(args), baseModel: optionText(args, 'model_name_or_path')! };
    for (const [k, target] of folders.entries()) {
      await model.save(target, { replica: k, head: task.name, signal });
      await writeRecords(record, {
        folder: target,
        replica: k,
        distribution: distributions[k]!,
        groups: groups.filter((row) => row.replica === k),
        train: train[k]!,
        evaluation: evaluation?.[k],
      });
    }
    if (wantsPredictions) {
      const { writePredictions } = await predictionsModule();
      await writePredictions(model, task, folders, { batchSize: checked.per_device_eval_batch_size, signal });
    }
  }

  if (profile !== undefined) await (await profileModule()).showProfile(profile, outputDir, output);
  const replicas = distributions.map((distribution, k) => ({
    name: distribution.name,
    ...optional('output_dir', folders?.[k]),
    rates: toDocument(distribution),
    ...(tuned.run.nonFinite[k]! >= 0 ? { not_finite_at_step: tuned.run.nonFinite[k]! + 1 } : {}),
    ...(tuned.best[k] === undefined ? {} : { best_metric: tuned.best[k].metric, best_step: tuned.best[k].step }),
    ...train[k],
    ...evaluation?.[k],
  }));
  if (outputDir !== undefined && replicas.length > 1) await writeJson(`${outputDir}/all_results.json`, replicas);
  const document = {
    task: task.name,
    model: optionText(args, 'model_name_or_path'),
    ...optional('output_dir', outputDir),
    seed: checked.seed,
    steps: tuned.run.steps,
    ...(replicas.length === 1 ? { ...train[0], ...evaluation?.[0] } : {}),
    replicas,
  };
  output.result(document, () =>
    replicas.length === 1
      ? `***** train metrics *****\n${metricLines(train[0]!)}${evaluation === undefined ? '' : `\n***** eval metrics *****\n${metricLines(evaluation[0]!)}`}`
      : replicaTable(
          names,
          replicas.map((_, k) => ({ ...train[k], ...evaluation?.[k] })),
        ),
  );
}

/** The options that were given, for the record. */
function given(args: RawArguments): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(args).filter(
      ([name, value]) =>
        value !== undefined && !['_', '$0', 'json', 'quiet', 'config'].includes(name) && !name.includes('-'),
    ),
  );
}

export default {
  command: 'train',
  describe: 'fine-tune a model on a task',
  builder,
  handler: command<RawArguments>(run),
} satisfies CommandModule<object, RawArguments>;
