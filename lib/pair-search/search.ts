/** A search of rate distributions on a pair of tasks, from its specification to the study's trials. */
import { type RateDistribution, referenceRate } from '../rates/distribution.ts';
import { fromDocument } from '../rates/file.ts';
import { addBatches, begunTrials, type Width } from '../search/batches.ts';
import type { SearchEvent } from '../search/events.ts';
import type { Executor } from '../search/executor.ts';
import { inProcessExecutor } from '../search/executors/in-process.ts';
import { openStudy, type StudyOptions } from '../search/open-study.ts';
import { optimize, type OptimizeOptions } from '../search/optimize.ts';
import type { Storage } from '../search/storage/storage.ts';
import { createSampler } from '../search/samplers/create.ts';
import type { Study } from '../search/study.ts';
import type { Operation } from '../train/model.ts';
import { openModel } from '../train/open.ts';
import { knownDistributions, knownPoints } from './known-points.ts';
import { loadPair, type Pair } from './pair.ts';
import { pairObjective } from './pair-objective.ts';
import { recordedSources, sourcesJson, transferred, transferSources } from './transfer.ts';
import { type PairSpec, type PairSpecInput, pairSpec } from './spec.ts';
import { lastStep } from './stage-training.ts';

export interface PairSearchOptions
  extends Operation,
    Pick<OptimizeOptions, 'timeout' | 'mode' | 'lease' | 'attempts' | 'worker'> {
  /** Of the study. */
  readonly name: string;
  readonly pair: PairSpecInput;
  readonly storage: Storage;
  /** Trials of the study in the end. */
  readonly trials: number;
  readonly sampler?: StudyOptions['sampler'];
  readonly pruner?: StudyOptions['pruner'];
  /** Studies in the same storage, such as those of other pairs, whose good trials the sampler begins with (see withTransfer). A study that is there goes on with its own. */
  readonly transfer?: readonly string[];
  /** Seed of the sampler's choices. Default 0. */
  readonly seed?: number;
  /** Trials trained side by side. Default 4. */
  readonly batchSize?: number;
  /** Tried first. Default: flat rates and known shapes. */
  readonly known?: readonly RateDistribution[];
  readonly resume?: StudyOptions['resume'];
  /** Instead of this process: executors of one's own, made once the pair is known. */
  readonly executor?: (pair: Pair) => Executor;
  readonly onEvent?: (event: SearchEvent) => void;
  readonly onNote?: (note: string) => void;
  /** Told once, when the study is open and before anything is tried. */
  readonly onOpen?: (study: Study, pair: Pair) => void;
}

export interface PairSearch {
  readonly ended: 'trials' | 'timeout';
  readonly study: Study;
  readonly pair: Pair;
}

/**
 * Opens or begins the study and runs it. The study stays open for its caller, who closes it.
 *
 * @throws LrdistError of many codes; the signal's reason, with all that is finished kept
 */
export async function searchPair(options: PairSearchOptions): Promise<PairSearch> {
  const { signal } = options;
  let pair = await pairOf(options);
  await using objective = pairObjective(pair, { ...(options.onNote && { onNote: options.onNote }) });
  // Before any trial: what is wrong with the model or the machine is no fault of theirs. And a first stage is trained once, whatever the executor.
  pair = withChosenMatmul(pair, (await objective.session(signal)).matmul);
  if (options.executor !== undefined) await objective[Symbol.asyncDispose]();
  const executor = options.executor?.(pair) ?? inProcessExecutor(objective.run, { batchSize: options.batchSize ?? 4 });
  try {
    const study = await openPairStudy(options, pair);
    const ended = await optimize(study, executor, {
      trials: options.trials,
      mode: options.mode ?? 'lockstep',
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
      ...(signal === undefined ? {} : { signal }),
    });
    return { ended, study, pair };
  } finally {
    await executor.dispose();
  }
}

export interface BeginOptions extends Omit<PairSearchOptions, 'trials'> {
  /** The first round, for workers in lockstep: later rounds are like it. Without it, whoever comes first decides. */
  readonly round?: Width & { readonly total: number };
}

/**
 * Opens or begins the study and runs nothing: for workers to come.
 *
 * @throws LrdistError of many codes
 */
export async function beginPairSearch(options: BeginOptions): Promise<Omit<PairSearch, 'ended'>> {
  const pair = await pairOf(options);
  const known = pair.spec.session['matmul'] as string | undefined;
  const chosen = withChosenMatmul(pair, known ?? (await matmulHere(pair, options.signal)));
  const study = await openPairStudy(options, chosen);
  if (options.round !== undefined) await addFirstRound(study, options.round);
  return { study, pair: chosen };
}

async function addFirstRound(
  { storage, stored, sampler }: Study,
  round: Width & { readonly total: number },
): Promise<void> {
  await storage.locked(stored.id, async (locked) => {
    const trials = await locked.trials();
    if (begunTrials(trials).length === 0)
      await addBatches(locked, trials, { definition: stored, sampler }, { ...round, round: 0 });
  });
}

async function pairOf({
  storage,
  name,
  pair,
  signal,
  onNote,
}: Pick<PairSearchOptions, 'storage' | 'name' | 'pair' | 'signal' | 'onNote'>): Promise<Pair> {
  const there = await storage.findStudy(name);
  const loaded = await loadPair(withMatmul(pairSpec(pair), there?.protocol['session']), signal);
  for (const note of loaded.notes) onNote?.(note);
  return loaded;
}

async function openPairStudy(options: Omit<PairSearchOptions, 'trials'>, pair: Pair): Promise<Study> {
  const { storage, name, transfer = [] } = options;
  const there = await storage.findStudy(name);
  const sources = there === undefined ? await transferSources(storage, transfer) : recordedSources(there);
  const { sampler = 'tpe' } = options;
  const study = await openStudy({
    name,
    storage,
    space: pair.space.space,
    objectives: Object.fromEntries(pair.objective.names.map((each) => [each, 'maximize' as const])),
    maxStep: lastStep(pair.options),
    protocol: { ...pair.protocol, ...(sources.length === 0 ? {} : { transfer: sourcesJson(sources) }) },
    sampler: await transferred(storage, typeof sampler === 'string' ? createSampler(sampler) : sampler, sources),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.pruner === undefined ? {} : { pruner: options.pruner }),
    ...(options.resume === undefined ? {} : { resume: options.resume }),
    ...(options.worker === undefined ? {} : { worker: options.worker }),
    ...(options.lease === undefined ? {} : { lease: options.lease }),
    ...(options.attempts === undefined ? {} : { attempts: options.attempts }),
  });
  await enqueueKnown(study, pair, options.known, options.onNote ?? (() => undefined));
  options.onOpen?.(study, pair);
  return study;
}

/** The library that this machine would choose for matrix products. */
async function matmulHere({ spec, options }: Pair, signal: AbortSignal | undefined): Promise<string> {
  await using model = await openModel({
    ...options.session,
    path: spec.firstModel ?? spec.model,
    tasks: options.tasks,
    replicas: 1,
    ...(signal && { signal }),
  });
  return model.session.matmul();
}

/** Only into a study without trials, and by one of several workers that begin it at once. */
async function enqueueKnown(
  { storage, stored }: Study,
  { spec, layers, space }: Pair,
  known: readonly RateDistribution[] | undefined,
  onNote: (note: string) => void,
): Promise<void> {
  const base = spec.firstRates === undefined ? 5e-5 : referenceRate(fromDocument(spec.firstRates));
  const { points, left } = knownPoints(space, known ?? knownDistributions(layers, base));
  await storage.locked(stored.id, async (study) => {
    if ((await study.trials()).length > 0) return;
    await study.add(
      points.map(({ distribution, parameters }) => ({
        parameters,
        origin: 'enqueued' as const,
        attributes: { known: distribution.name },
      })),
    );
    if (left.length > 0) onNote(`the space cannot express ${left.join(', ')}: not tried`);
  });
}

/** A study goes on with the library for matrix products that it began with: another one gives other bits. */
function withMatmul(spec: PairSpec, stored: unknown): PairSpec {
  const { matmul } = (stored ?? {}) as { readonly matmul?: unknown };
  if (spec.session['matmul'] !== undefined || matmul === undefined) return spec;
  return { ...spec, session: { ...spec.session, matmul } };
}

/** The same for child processes, and recorded, unless the study has a record: of a study begun on a GPU or a processor, the other may take trials too. */
function withChosenMatmul(pair: Pair, matmul: string): Pair {
  const session = pair.protocol['session'] as Readonly<Record<string, string>>;
  const { matmul: known = 'auto' } = session;
  const recorded = known === 'auto' ? matmul : known;
  return {
    ...pair,
    spec: { ...pair.spec, session: { ...pair.spec.session, matmul } },
    protocol: { ...pair.protocol, session: { ...session, matmul: recorded } },
  };
}
