import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { optional, modelFolder, taskOf, optionText } from '../training/inputs.ts';
import { noteHidden, type RawArguments, trainingInput, trainOptions } from '../training/options.ts';
import { type CommandContext, command } from '../run.ts';
import { distributionsOf, prepareOutput, replicaFolders, sessionSettings } from '../training/session.ts';
import { evaluateSplits, metricLines } from '../training/evaluation.ts';
import { showRun } from '../training/events.ts';
import { finishedReplicas, forgetParts, partFolder, storedParts, storeParts } from '../training/parts.ts';
import { replicaTable } from '../training/table.ts';
import { unfreezing } from '../training/unfreezing.ts';
import { LrdistError } from '../../errors.ts';
import { toDocument } from '../../rates/file.ts';
import type { RateDistribution } from '../../rates/distribution.ts';
import {
  runOptions,
  trainingArguments,
  type TrainingArguments,
  type TrainingArgumentsInput,
} from '../../train/arguments.ts';
import { type Checkpoint, latestCheckpoint, listCheckpoints } from '../../train/checkpoint.ts';
import { readConfig } from '../../train/config.ts';
import { writeJson } from '../../train/files.ts';
import { fineTune } from '../../train/fine-tune.ts';
import type { LoadedTask } from '../../train/load-task.ts';
import type { Model } from '../../train/model.ts';
import { openModel } from '../../train/open.ts';
import { type Fewer, fewerText, isOutOfMemory, partSize, replicasThatFit, type Work } from '../../train/parts.ts';
import { countRun, type StepCounts } from '../../train/plan.ts';
import { Profile } from '../../train/profile.ts';
import { type Metrics, trainMetrics, weightsOutsideEmbeddings } from '../../train/results.ts';
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

  const counts = countRun(runOptions(checked), [trainRows]);
  const distributions = unfreezing(args, requested, counts);
  const setting: Setting = { args, context, input, checked, folder, task, counts, distributions, profile };
  if (dry) {
    await using model = await forked(setting, undefined, requested.length);
    const side = await replicasThatFit(model, distributions.length, workOf(setting), signal);
    // Awaited here: the model goes when this function returns.
    const { dryRun } = await dryRunModule();
    if (side !== model.replicas) await model.setReplicas(Array.from({ length: side }, () => 0));
    await dryRun({ model, task, distributions: distributions.slice(0, side), args: checked, counts, context });
    if (side < distributions.length) output.note(fewerText({ of: distributions.length, size: side }, 'distributions'));
    return;
  }

  const folders = outputDir === undefined ? undefined : replicaFolders(outputDir, distributions);
  const replicas = await trainAll(setting, { outputDir, folders, resume });
  if (profile !== undefined) await (await profileModule()).showProfile(profile, outputDir, output);
  const entries = replicas.map(({ train, evaluation, facts }, k) => ({
    name: names[k],
    ...optional('output_dir', folders?.[k]),
    rates: toDocument(distributions[k]!),
    ...facts,
    ...train,
    ...evaluation,
  }));
  if (outputDir !== undefined && entries.length > 1) await writeJson(`${outputDir}/all_results.json`, entries);
  const [first] = replicas;
  const document = {
    task: task.name,
    model: optionText(args, 'model_name_or_path'),
    ...optional('output_dir', outputDir),
    seed: checked.seed,
    steps: Math.max(...replicas.map(({ steps }) => steps)),
    ...(replicas.length === 1 ? { ...first!.train, ...first!.evaluation } : {}),
    replicas: entries,
  };
  output.result(document, () =>
    replicas.length === 1
      ? `***** train metrics *****\n${metricLines(first!.train)}${first!.evaluation === undefined ? '' : `\n***** eval metrics *****\n${metricLines(first!.evaluation)}`}`
      : replicaTable(
          names,
          replicas.map(({ train, evaluation }) => ({ ...train, ...evaluation })),
        ),
  );
}

/** What is the same for all distributions. */
interface Setting {
  readonly args: RawArguments;
  readonly context: CommandContext;
  readonly input: TrainingArgumentsInput;
  readonly checked: TrainingArguments;
  readonly folder: string;
  readonly task: LoadedTask;
  readonly counts: StepCounts;
  readonly distributions: readonly RateDistribution[];
  readonly profile: Profile | undefined;
}

interface Places {
  readonly outputDir: string | undefined;
  /** By distribution. */
  readonly folders: readonly string[] | undefined;
  readonly resume: Checkpoint | undefined;
}

interface Trained {
  readonly train: Metrics;
  readonly evaluation: Metrics | undefined;
  readonly facts: Readonly<Record<string, number>>;
  readonly steps: number;
}

function opened(
  { args, context: { signal }, checked, folder, task }: Setting,
  resume: Checkpoint | undefined,
  replicas: number,
): Promise<Model> {
  return openModel({
    path: folder,
    tasks: [task],
    replicas,
    seed: checked.seed,
    signal,
    ...optional('pool', optionText(args, 'classifier_input') as 'pooler' | 'cls' | undefined),
    ...sessionSettings(args, resume),
  });
}

function workOf({ checked, task }: Setting): Work {
  return {
    tasks: [task],
    batchSize: checked.per_device_train_batch_size,
    ...optional('batchTokens', checked.batch_tokens),
  };
}

/** All distributions side by side, or as many as there is memory for. What an interrupted run in parts has finished is taken from its folders. */
async function trainAll(setting: Setting, places: Places): Promise<readonly Trained[]> {
  const { context, distributions, args } = setting;
  const { outputDir, folders, resume } = places;
  const { output } = context;
  const count = distributions.length;
  let sizes =
    count > 1 && resume === undefined && args['overwrite_output_dir'] !== true
      ? await storedParts(outputDir, distributions)
      : undefined;
  const results: Trained[] = [];
  let unprofiled = setting.profile; // a profile is of one session: of the first part
  let part = 0;
  while (results.length < count) {
    const from = results.length;
    const size: number = sizes?.[part] ?? count;
    const own = distributions.slice(from, from + size);
    const ownFolders = folders?.slice(from, from + size);
    const before = sizes === undefined || ownFolders === undefined ? undefined : await finishedReplicas(ownFolders);
    if (before !== undefined) {
      output.note(`${own.map(({ name }) => name).join(', ')}: finished before, in ${outputDir}`);
      results.push(
        ...before.map((train) => ({ train, evaluation: undefined, facts: {}, steps: setting.counts.total })),
      );
      part += 1;
      continue;
    }
    const target = sizes === undefined || outputDir === undefined ? outputDir : partFolder(outputDir, sizes, part);
    const going = sizes === undefined || target === undefined ? resume : await latestCheckpoint(target);
    if (going !== undefined && going !== resume)
      output.note(`resuming at step ${going.state.step} from ${going.folder}`);
    const fewer = async (less: Fewer): Promise<void> => {
      output.note(fewerText(less, 'distributions'));
      // What was trained of this part begins again.
      if (target !== undefined)
        for (const step of await listCheckpoints(target))
          await rm(join(target, `checkpoint-${step}`), { recursive: true });
      sizes = await storeParts(outputDir, distributions, (sizes ?? []).slice(0, part), less.size);
    };
    try {
      await using model = await forked(setting, going, own.length);
      const side =
        going === undefined ? await replicasThatFit(model, own.length, workOf(setting), context.signal) : own.length;
      if (side < own.length) {
        await fewer({ of: own.length, size: partSize(own.length, side) });
        continue;
      }
      if (model.replicas < own.length) await model.setReplicas(own.map(() => 0));
      const parts = { outputDir: target, folders: ownFolders, resume: going };
      try {
        results.push(...(await trainPart({ ...setting, distributions: own, profile: unprofiled }, model, parts)));
      } finally {
        unprofiled?.end(); // while there is a session to take it from
        unprofiled = undefined;
      }
      part += 1;
    } catch (error) {
      if (!isOutOfMemory(error) || own.length === 1) throw error;
      await fewer({ of: own.length, size: Math.ceil(own.length / 2), error: error.message });
    }
  }
  if (sizes !== undefined) await forgetParts(outputDir);
  return results;
}

/** On GPUs a model of one replica, which is forked once it is known how many fit. */
async function forked(setting: Setting, resume: Checkpoint | undefined, replicas: number): Promise<Model> {
  const { device = 'cpu' } = sessionSettings(setting.args, resume);
  return opened(setting, resume, device === 'cpu' ? replicas : 1);
}

async function trainPart(setting: Setting, model: Model, places: Places): Promise<readonly Trained[]> {
  const { args, context, input, checked, task, counts, distributions, profile } = setting;
  const { output, signal } = context;
  const { outputDir, folders, resume } = places;
  for (const note of model.loaded.notes) output.note(note);
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
  const names = distributions.map(({ name }) => name);
  const { groups } = await showRun(tuning.run, counts.total, resume?.state.step ?? 0, names, output);
  const tuned = await tuning.result;
  if (tuned.run.stopped) output.note(`stopped early at step ${tuned.run.steps} of ${counts.total}`);

  const parameters = weightsOutsideEmbeddings(model.parameters);
  const train = distributions.map((_, k) => trainMetrics(tuned.run, k, { samples: counts.rows, parameters }));
  const evaluated = (args['do_eval'] ?? true) === true ? evaluationSplits(task) : [];
  const evaluation =
    evaluated.length === 0
      ? undefined
      : await evaluateSplits(model, task, evaluated, {
          batchSize: checked.per_device_eval_batch_size,
          labelSmoothing: checked.label_smoothing_factor,
          epoch: tuned.run.epochs,
          signal,
        });
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
    if (args['do_predict'] === true) {
      const { writePredictions } = await predictionsModule();
      await writePredictions(model, task, folders, { batchSize: checked.per_device_eval_batch_size, signal });
    }
  }
  return distributions.map((_, k) => ({
    train: train[k]!,
    evaluation: evaluation?.[k],
    facts: {
      ...(tuned.run.nonFinite[k]! >= 0 ? { not_finite_at_step: tuned.run.nonFinite[k]! + 1 } : {}),
      ...(tuned.best[k] === undefined ? {} : { best_metric: tuned.best[k].metric, best_step: tuned.best[k].step }),
    },
    steps: tuned.run.steps,
  }));
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
