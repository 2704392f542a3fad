import type { StudyOptions } from '../../../lib/search/open-study.ts';
import type { Study } from '../../../lib/search/study.ts';
import type { Trial } from '../../../lib/search/trial.ts';

/** What a worker is told, as JSON in its only argument. */
export interface WorkerOrders {
  readonly storage: string;
  readonly name: string;
  readonly mode: 'lockstep' | 'async';
  readonly trials: number;
  /** A file that gets a line for every trial that this worker has recorded. */
  readonly log: string;
}

export const batchSize = 4;
export const slots = 2;
export const maxStep = 9;
/** Milliseconds after which trials of a dead worker are taken over. */
export const lease = 2000;

const space = {
  x: { kind: 'float', low: 0, high: 1 },
  y: { kind: 'float', low: 1e-6, high: 1e-2, log: true },
  z: { kind: 'categorical', choices: ['a', 'b', 'c'] },
} as const;

export function studyOptions(name: string): StudyOptions<typeof space> {
  return { name, space, directions: 'maximize', sampler: 'tpe', pruner: 'hyperband', seed: 7, maxStep, resume: 'auto' };
}

export async function enqueueFirst(study: Study<typeof space>): Promise<void> {
  await study.enqueue([1e-5, 1e-4, 1e-3].map((y) => ({ x: 0.5, y, z: 'a' })));
}

/** The score of a trial at a step: cheap, and the same on every machine of one kind. */
export function score({ x, y, z }: Trial['parameters'], step: number): number {
  const peak = 1 - (Number(x) - 0.7) ** 2 - (Math.log10(Number(y)) + 4) ** 2 / 10 + (z === 'b' ? 0.1 : 0);
  return peak * (1 - 1 / (1 + step));
}

/** What an interruption must not change. */
export function essence(trials: readonly Trial[]): string[] {
  return trials.map(({ number, state, origin, parameters, values, reports, attributes, error }) => {
    const { batch, round } = attributes;
    return JSON.stringify({ number, state, origin, parameters, values, reports, batch, round, error });
  });
}
