/** Everything that a specification stands for: tasks, space, objective, and sessions by need. */
import { readConfig } from '../train/config.ts';
import { loadTask, openTaskTokenizer } from '../train/load-task.ts';
import { packageVersion } from '../train/protocol.ts';
import { rowsOf, splitOf, type Task } from '../train/task.ts';
import { fromDocument } from '../rates/file.ts';
import type { Json } from '../search/trial.ts';
import { modelDigest, rowsDigest } from './configuration.ts';
import { type Objective, readObjective } from './objective.ts';
import type { PairOptions } from './options.ts';
import { type RateSpace, rateSpace } from './rate-space.ts';
import { searchPenalty } from './penalty.ts';
import type { PairSpec } from './spec.ts';

export interface Pair {
  readonly spec: PairSpec;
  readonly layers: number;
  readonly space: RateSpace;
  readonly objective: Objective;
  readonly options: PairOptions;
  /** What the scores depend on, for the study's record. */
  readonly protocol: Readonly<Record<string, Json>>;
  readonly notes: readonly string[];
}

/** Loads the tasks. @throws LrdistError of many codes */
export async function loadPair(spec: PairSpec, signal?: AbortSignal): Promise<Pair> {
  const folder = spec.firstModel ?? spec.model;
  const [{ num_hidden_layers: layers }, tokenizer] = [await readConfig(folder), await openTaskTokenizer(folder)];
  const published = spec.protocol === 'paper';
  const split = published ? 'validation' : 'selection';
  const notes: string[] = [];
  const load = async (name: string): Promise<Task> => {
    const task = await loadTask({
      task: name,
      dataDir: spec.dataDir,
      model: folder,
      tokenizer,
      splits: published ? ['train', 'validation'] : ['train'],
      ...(spec.maxTrainSamples === undefined ? {} : { maxTrainSamples: spec.maxTrainSamples }),
      ...(spec.maxLength === undefined ? {} : { maxLength: spec.maxLength }),
      // Which rows are held out does not change with the study's seed: studies of several seeds are scored on the same ones.
      ...(published
        ? {}
        : { selection: { seed: 0, ...(spec.selectionRows === undefined ? {} : { size: spec.selectionRows }) } }),
      ...(published && spec.selectionRows !== undefined ? { maxEvalSamples: spec.selectionRows } : {}),
      ...(signal && { signal }),
    });
    notes.push(...task.notes.map((note) => `${task.name}, ${note}`));
    return task;
  };
  const tasks = [await load(spec.tasks[0]), await load(spec.tasks[1])] as const;
  const objective = readObjective(spec.objective);
  const { grouping, parametrisation, ranges, stages, rates, weightDecay, warmupRatio, epochs, penalty } = spec.space;
  const space = rateSpace({
    layers,
    grouping,
    parametrisation,
    ranges,
    stages,
    ...(rates && { rates }),
    ...(weightDecay && { weightDecay }),
    ...(warmupRatio && { warmupRatio }),
    ...(epochs && { epochs }),
    ...(penalty && { penalty }),
  });
  const options: PairOptions = {
    model: spec.model,
    tasks,
    split,
    mode: spec.mode,
    training: spec.training,
    firstTraining: spec.firstTraining,
    seed: spec.seed,
    objective,
    session: spec.session,
    ...(published ? { moments: 'keep' as const } : {}),
    ...(spec.firstRates && { firstRates: fromDocument(spec.firstRates, 'firstRates') }),
    ...(spec.firstModel === undefined ? {} : { firstModel: spec.firstModel }),
    ...(spec.penalty === undefined ? {} : { penalty: searchPenalty(spec.penalty) }),
    ...(spec.cache === undefined ? {} : { cache: spec.cache }),
  };
  const protocol = {
    ...(await protocolOf(spec, tasks, split)),
    layers,
    groups: space.groups.map(({ name }) => name),
  };
  return { spec, layers, space, objective, options, protocol, notes };
}

/** Paths, threads and the device say nothing of what is computed; what lies behind the paths does. Trials on GPUs name their device themselves. */
async function protocolOf(
  spec: PairSpec,
  tasks: readonly Task[],
  split: string,
): Promise<Readonly<Record<string, Json>>> {
  const incidental = ['model', 'dataDir', 'firstModel', 'cache'];
  const settings = Object.entries(spec).filter(([key]) => !incidental.includes(key));
  const protocol = {
    lrdist: packageVersion,
    ...Object.fromEntries(settings),
    session: { ...spec.session, threads: undefined, device: undefined },
    model: await modelDigest(spec.firstModel ?? spec.model),
    // The same folder without a first stage gives other scores.
    ...(spec.firstModel === undefined ? {} : { first_stage: 'given' }),
    split,
    data: tasks.map((task) => ({
      task: task.name,
      train: rowsDigest(task, 'train'),
      train_rows: rowsOf(splitOf(task, 'train')),
      scored: rowsDigest(task, split),
      scored_rows: rowsOf(splitOf(task, split)),
    })),
  };
  return JSON.parse(JSON.stringify(protocol)) as Readonly<Record<string, Json>>;
}
