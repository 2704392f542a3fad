/** The files beside a trained model's weights. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { gpuName } from '../../native/devices.ts';
import { loadNative } from '../../native/load.ts';
import type { RateDistribution } from '../../rates/distribution.ts';
import { toDocument } from '../../rates/file.ts';
import { warmupSteps } from '../../rates/schedule.ts';
import { type CardRecord, modelCard } from '../../report/card.ts';
import type { TrainingArguments } from '../../train/arguments.ts';
import { runOptions } from '../../train/arguments.ts';
import { writeJson, writeWhole } from '../../train/files.ts';
import type { FineTuneResult } from '../../train/fine-tune.ts';
import type { Model } from '../../train/model.ts';
import type { Metrics } from '../../train/results.ts';
import type { GroupRow } from '../../train/run.ts';
import { evaluationSplits, type Task } from '../../train/task.ts';
import { packageVersion } from '../../train/protocol.ts';

export interface ReplicaRecord {
  readonly folder: string;
  readonly replica: number;
  readonly distribution: RateDistribution;
  readonly groups: readonly GroupRow[];
  readonly train: Metrics;
  /** undefined where nothing was evaluated. */
  readonly evaluation: Metrics | undefined;
}

export interface RunRecord {
  readonly model: Model;
  readonly task: Task;
  readonly tuned: FineTuneResult;
  /** The options as given. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly baseModel: string;
}

/** lr_distribution.json, training_args.json, trainer_state.json, train/eval/all_results.json and the card. */
export async function writeRecords(run: RunRecord, replica: ReplicaRecord): Promise<void> {
  const { folder, train, evaluation } = replica;
  const state = run.tuned.states[replica.replica]!;
  await writeJson(join(folder, 'lr_distribution.json'), toDocument(replica.distribution), 2);
  await writeJson(
    join(folder, 'training_args.json'),
    { ...run.tuned.args, options: run.options, protocol: run.tuned.protocol, rates: replica.distribution.name },
    2,
  );
  await writeJson(join(folder, 'trainer_state.json'), state, 2);
  await writeJson(join(folder, 'train_results.json'), train);
  if (evaluation !== undefined) await writeJson(join(folder, 'eval_results.json'), evaluation);
  await writeJson(join(folder, 'all_results.json'), { ...train, ...evaluation });
  await writeWhole(join(folder, 'README.md'), modelCard(cardOf(run, replica)));
}

function cardOf(
  { model, task, tuned, baseModel }: RunRecord,
  { folder, replica, distribution, groups, evaluation }: ReplicaRecord,
): CardRecord {
  const source = distribution.provenance['source'];
  return {
    name: basename(resolve(folder)),
    // A folder's path says nothing to a reader elsewhere.
    baseModel: existsSync(baseModel) ? basename(resolve(baseModel)) : baseModel,
    task: {
      name: task.name,
      split: evaluationSplits(task)[0] ?? 'validation',
      ...(task.dataset === undefined ? {} : { dataset: task.dataset }),
    },
    metrics: evaluation ?? {},
    hyperparameters: hyperparameters(tuned, distribution),
    history: tuned.history[replica]!,
    distribution: { name: distribution.name, rows: groups, ...(typeof source === 'string' ? { source } : {}) },
    versions: [
      ['lrdist', packageVersion],
      ['libtorch', loadNative().info().libtorchLoaded],
      ['Node', process.versions.node],
      ...deviceRow(model),
      ['Matrix products', model.session.matmul()],
    ],
  };
}

/** A run on the processor says so by its library for matrix products. */
function deviceRow({ spec }: Model): [string, string][] {
  if (spec.device === 'cpu') return [];
  const card = gpuName(spec.device, loadNative().info());
  return [['Device', card === undefined ? spec.device : `${spec.device} (${card})`]];
}

function hyperparameters({ args, run }: FineTuneResult, distribution: RateDistribution): [string, string | number][] {
  const total = run.losses[0]?.length ?? run.steps;
  const { train_sampling_strategy: strategy, gradient_accumulation_steps: accumulation } = args;
  const rows = args.per_device_train_batch_size;
  return [
    ['learning_rate', `${distribution.name} (see the distribution below)`],
    args.batch_tokens === undefined
      ? ['train_batch_size', rows]
      : ['train_batch_tokens', `at most ${args.batch_tokens}`],
    ...(strategy === 'random' ? [] : ([['train_sampling_strategy', strategy]] as [string, string][])),
    ['eval_batch_size', args.per_device_eval_batch_size],
    ['seed', args.seed],
    ...(accumulation > 1 ? ([['gradient_accumulation_steps', accumulation]] as [string, number][]) : []),
    ...(accumulation > 1 && args.batch_tokens === undefined
      ? ([['total_train_batch_size', rows * accumulation]] as [string, number][])
      : []),
    ['optimizer', optimizerText(args)],
    ['lr_scheduler_type', args.lr_scheduler_type],
    ['lr_scheduler_warmup_steps', warmupSteps(runOptions(args).schedule!, total)],
    ...(args.max_steps > 0
      ? ([['training_steps', args.max_steps]] as [string, number][])
      : ([['num_epochs', args.num_train_epochs]] as [string, number][])),
    ...(args.frozen_dropout ? [] : ([['frozen_dropout', 'off']] as [string, string][])),
    ...(args.label_smoothing_factor > 0
      ? ([['label_smoothing_factor', args.label_smoothing_factor]] as [string, number][])
      : []),
  ];
}

function optimizerText(args: TrainingArguments): string {
  const name = args.optim === 'adam' ? 'Adam' : 'AdamW';
  const decay = args.weight_decay > 0 ? `, weight decay ${args.weight_decay}` : '';
  return `${name} with betas=(${args.adam_beta1},${args.adam_beta2}) and epsilon=${args.adam_epsilon}${decay}`;
}
