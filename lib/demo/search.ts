/** Searches of the demo: rates tried on pairs of tasks, and one distribution out of them. */
import { readObjective } from '../pair-search/objective.ts';
import { knownDistributions, knownPoints } from '../pair-search/known-points.ts';
import { pairObjective } from '../pair-search/pair-objective.ts';
import { rateSpace, type RateSpace } from '../pair-search/rate-space.ts';
import { combineTrials } from '../rates/combine.ts';
import { flat, type RateDistribution, type Rates } from '../rates/distribution.ts';
import { inProcessExecutor } from '../search/executors/in-process.ts';
import { openStudy } from '../search/open-study.ts';
import { optimize } from '../search/optimize.ts';
import type { Trial } from '../search/trial.ts';
import type { Operation } from '../train/model.ts';
import type { Task } from '../train/task.ts';
import type { DemoEvent } from './events.ts';
import type { DemoSettings } from './settings.ts';

/** Trials trained side by side. */
const batchSize = 4;

export interface PairTrials {
  readonly pair: string;
  readonly trials: readonly {
    readonly state: string;
    readonly rates: Rates | undefined;
    readonly objective: number | null;
  }[];
}

export interface DemoSearch {
  readonly pairs: readonly PairTrials[];
  /** Of all pairs by the paper's rule; its base is the geometric mean of its rates. */
  readonly combined: RateDistribution;
}

export interface DemoSearchOptions extends Operation {
  readonly settings: DemoSettings;
  readonly folder: string;
  readonly load: (task: string) => Promise<Task>;
  readonly seed: number;
  readonly threads?: number;
  /** As of openModel. */
  readonly device?: string;
  readonly onEvent: (event: DemoEvent) => void;
}

export async function searchPairs(options: DemoSearchOptions): Promise<DemoSearch> {
  const { settings } = options;
  const { layers } = settings.model;
  const space = rateSpace({ layers, parametrisation: settings.search.parametrisation });
  const pairs: PairTrials[] = [];
  for (const [i, names] of settings.search.pairs.entries()) pairs.push(await searchPair(options, space, names, i));
  const trials = pairs.flatMap(({ pair, trials: list }) =>
    list.flatMap(({ state, rates, objective }) =>
      state === 'complete' && rates !== undefined
        ? [{ pair, rates: space.groups.map(({ name }) => rates[name]!), score: objective! }]
        : [],
    ),
  );
  const { rates } = combineTrials(trials);
  const base = Math.exp(rates.reduce((sum, rate) => sum + Math.log(rate), 0) / rates.length);
  const combined: RateDistribution = {
    name: 'combined',
    layers,
    groups: space.groups,
    stages: [Object.fromEntries(space.groups.map(({ name }, g) => [name, rates[g]!]))],
    base,
    provenance: { combined_from: pairs.map(({ pair, trials: list }) => ({ pair, trials: list.length })) },
  };
  options.onEvent({ type: 'combined', rates: combined.stages[0]!, trials: trials.length });
  return { pairs, combined };
}

async function searchPair(
  { settings, folder, load, seed, threads, device, signal, onEvent }: DemoSearchOptions,
  space: RateSpace,
  names: readonly [string, string],
  index: number,
): Promise<PairTrials> {
  const { search, training, firstTraining, firstRates, pool } = settings;
  const pair = names.join('->');
  const rate = firstRates.at(-1)!;
  await using objective = pairObjective({
    space,
    objective: readObjective('sum'),
    options: {
      model: folder,
      tasks: [await load(names[0]), await load(names[1])],
      split: 'select',
      training,
      firstTraining,
      firstRates: flat(rate, settings.model.layers),
      objective: readObjective('sum'),
      session: { pool, ...(threads === undefined ? {} : { threads }), ...(device === undefined ? {} : { device }) },
      seed,
      cache: false,
    },
  });
  await objective.session(signal);
  await using study = await openStudy({
    name: pair,
    storage: 'memory:',
    space: space.space,
    objectives: { objective: 'maximize' },
    seed: seed + index,
    maxStep: training.epochs!,
    sampler: 'tpe',
    pruner: 'successive-halving',
  });
  await study.enqueue(
    knownPoints(space, knownDistributions(settings.model.layers, rate)).points.map(
      (point) => point.parameters as never,
    ),
  );
  const total = search.trials * search.pairs.length;
  let done = index * search.trials;
  await optimize(study, inProcessExecutor(objective.run, { batchSize }), {
    trials: search.trials,
    ...(signal === undefined ? {} : { signal }),
    onEvent(event) {
      if (event.type === 'finished') onEvent({ type: 'search', pair, done: (done += 1), of: total });
    },
  });
  return { pair, trials: (await study.trials()).map(trialOf) };
}

function trialOf({ state, attributes, values }: Trial): PairTrials['trials'][number] {
  const rates = (attributes['rates'] as readonly Rates[] | undefined)?.[0];
  return { state, rates, objective: values?.[0] ?? null };
}
