/** The embedded default: lrdist makes a language, a model and tasks itself, searches rates on pairs of them, combines what it found, and tries that on another pair. */
import type { ShiftOptions } from '../forgetting/options.ts';
import type { ShiftRecord } from '../report/shift-record.ts';
import { taskShift } from '../forgetting/shift.ts';
import { flat, type RateDistribution, withBase } from '../rates/distribution.ts';
import { findPreset, fromPreset } from '../rates/presets.ts';
import type { Operation } from '../train/model.ts';
import type { Task } from '../train/task.ts';
import { baseModel } from './base-model.ts';
import { bestOfEach, rankFirstRates, type FirstRate } from './choose.ts';
import type { DemoEvent } from './events.ts';
import { loadDemoTask } from './load.ts';
import { type DemoSearch, searchPairs } from './search.ts';
import type { DemoSettings } from './settings.ts';

export interface DemoOptions extends Operation {
  readonly settings: DemoSettings;
  /** Folder for the pretrained model; default `demo` in the cache folder. */
  readonly cache?: string;
  readonly threads?: number;
  /** As of openModel. */
  readonly device?: string;
  readonly onEvent?: (event: DemoEvent) => void;
}

export interface DemoRecord {
  readonly format: 'lrdist-demo/1';
  readonly settings: DemoSettings;
  /** Hugging Face folder of the pretrained model. */
  readonly base_model: string;
  readonly base_model_reused: boolean;
  readonly search: DemoSearch;
  /** Flat rates tried for the first task, the chosen one first. */
  readonly first_rates: readonly FirstRate[];
  /** All shapes and bases, on the select rows under the choosing seeds. */
  readonly choice: ShiftRecord;
  /** The chosen base of each shape, on the validation rows under the other seeds; flat first. */
  readonly comparison: ShiftRecord;
  readonly seconds: number;
}

/** Seeds of choices count from here, those of the comparison go on after them. */
const firstSeed = 100;

/** @throws what openModel and taskShift throw */
export async function runDemo(options: DemoOptions): Promise<DemoRecord> {
  const { settings, signal, threads, device, cache } = options;
  const tell = options.onEvent ?? (() => undefined);
  const common = {
    ...(signal === undefined ? {} : { signal }),
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device }),
    onEvent: tell,
  };
  const began = performance.now();
  const base = await baseModel(settings, { ...common, ...(cache === undefined ? {} : { cache }) });
  tell({ type: 'base', ...base, seconds: (performance.now() - began) / 1000 });
  const load = (name: string): Promise<Task> =>
    loadDemoTask(name, base.folder, settings.rows, signal === undefined ? {} : { signal });
  const search = await searchPairs({ ...common, settings, folder: base.folder, load, seed: firstSeed });
  const tasks = [await load(settings.tasks[0]), await load(settings.tasks[1])] as const;

  const ranked = await rankFirstRates(tasks[0], { ...common, settings, folder: base.folder, seed: firstSeed });
  tell({ type: 'first-rate', ...ranked[0]! });

  const shift = (
    part: 'choose' | 'compare',
    over: Pick<ShiftOptions, 'distributions' | 'seeds' | 'split'>,
  ): Promise<ShiftRecord> =>
    taskShift({
      model: base.folder,
      tasks,
      firstRates: flat(ranked[0]!.rate, settings.model.layers),
      firstTraining: settings.firstTraining,
      training: settings.training,
      session: {
        pool: settings.pool,
        ...(threads === undefined ? {} : { threads }),
        ...(device === undefined ? {} : { device }),
      },
      ...(signal === undefined ? {} : { signal }),
      onEvent: (event) => tell({ type: 'shift', part, event }),
      ...over,
    });
  const shapes = candidates(settings, search.combined);
  const choice = await shift('choose', {
    distributions: shapes.flat(),
    seeds: seedsFrom(firstSeed, settings.choosingSeeds),
    split: 'select',
  });
  const chosen = bestOfEach(shapes, choice);
  tell({ type: 'chosen', distributions: chosen.map(({ name }) => name) });
  const seeds = seedsFrom(firstSeed + settings.choosingSeeds, settings.seeds);
  const comparison = await shift('compare', { distributions: chosen, seeds, split: 'validation' });
  return {
    format: 'lrdist-demo/1',
    settings,
    base_model: base.folder,
    base_model_reused: base.reused,
    search,
    first_rates: ranked,
    choice,
    comparison,
    seconds: (performance.now() - began) / 1000,
  };
}

function seedsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

/** The distributions tried, by shape, flat first, the combined one last. */
export function candidates(
  { shapes, model, combinedBases }: Pick<DemoSettings, 'shapes' | 'model' | 'combinedBases'>,
  combined: RateDistribution,
): RateDistribution[][] {
  const base = combined.base!;
  return [
    ...shapes.map(({ name, bases }) => bases.map((each) => fromPreset(findPreset(name)!, model.layers, each))),
    combinedBases.map((multiple) => withBase({ ...combined, base }, Number((multiple * base).toPrecision(3)))),
  ];
}
