/** Choices the demo makes on rows and a seed that its report does not use. */
import type { ShiftRecord } from '../report/shift-record.ts';
import { flat, type RateDistribution } from '../rates/distribution.ts';
import type { Operation } from '../train/model.ts';
import { openModel } from '../train/open.ts';
import type { Task } from '../train/task.ts';
import type { DemoEvent } from './events.ts';
import type { DemoSettings } from './settings.ts';

export interface FirstRate {
  readonly rate: number;
  /** Accuracy on the select rows. */
  readonly score: number;
}

export interface ChooseOptions extends Operation {
  readonly settings: DemoSettings;
  readonly folder: string;
  readonly seed: number;
  readonly threads?: number;
  /** As of openModel. */
  readonly device?: string;
  readonly onEvent?: (event: DemoEvent) => void;
}

/** Flat rates for the first task, trained side by side; best first, the lower rate where scores are equal. */
export async function rankFirstRates(task: Task, options: ChooseOptions): Promise<FirstRate[]> {
  const { settings, signal, threads, device, seed, onEvent } = options;
  const rates = [...settings.firstRates].sort((a, b) => a - b);
  const abort = signal === undefined ? {} : { signal };
  await using model = await openModel({
    path: options.folder,
    tasks: [task],
    replicas: rates.length,
    seed,
    pool: settings.pool,
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device }),
    ...abort,
  });
  const distributions = rates.map((rate) => flat(rate));
  await using run = model.train({ ...settings.firstTraining, task, rates: distributions, loggingSteps: 0, ...abort });
  for await (const event of run) {
    if (event.type === 'step') onEvent?.({ type: 'first-task', step: event.step, of: event.of, models: rates.length });
  }
  const { steps } = await run.result;
  onEvent?.({ type: 'first-task', step: steps, of: steps, models: rates.length });
  const scores = await model.evaluate(task, { split: 'select', ...abort });
  const ranked = rates.map((rate, k) => ({ rate, score: scores[k]!.main }));
  // A diverged replica has no score and comes last.
  const value = ({ score }: FirstRate): number => (Number.isNaN(score) ? -1 : score);
  return ranked.sort((a, b) => value(b) - value(a) || a.rate - b.rate);
}

/** Of the distributions of each shape, the one with the highest mean objective in the record; the earlier of equals. */
export function bestOfEach(
  shapes: readonly (readonly RateDistribution[])[],
  record: Pick<ShiftRecord, 'summary'>,
): RateDistribution[] {
  const objective = ({ name }: RateDistribution): number => {
    const mean = record.summary.find((row) => row.distribution === name)?.scores.objective.mean ?? NaN;
    return Number.isNaN(mean) ? -Infinity : mean;
  };
  return shapes.map((candidates) =>
    candidates.reduce((best, next) => (objective(next) > objective(best) ? next : best)),
  );
}
