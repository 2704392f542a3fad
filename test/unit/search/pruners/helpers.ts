import type { PruneRequest } from '../../../../lib/search/pruner.ts';
import type { Direction } from '../../../../lib/search/space.ts';
import type { Trial, TrialState } from '../../../../lib/search/trial.ts';

/** A trial with one report for each of `curve`, at steps 1, 2, …. */
export function trialOf(
  number: number,
  curve: readonly (number | readonly number[])[],
  { state = 'running', batch }: { state?: TrialState; batch?: number } = {},
): Trial {
  const reports = curve.map((values, i) => ({ step: i + 1, values: typeof values === 'number' ? [values] : values }));
  return {
    number,
    state,
    origin: 'sampled',
    parameters: { x: number },
    values: state === 'complete' ? (reports.at(-1)?.values ?? null) : null,
    constraints: null,
    reports,
    attributes: batch === undefined ? {} : { batch },
    attempt: 1,
    lost: 0,
    error: null,
    created: number,
    started: number,
    finished: null,
  };
}

export function requestOf(
  batch: readonly Trial[],
  others: readonly Trial[] = [],
  more: { readonly step?: number; readonly maxStep?: number; readonly directions?: readonly Direction[] } = {},
): PruneRequest {
  const step = more.step ?? batch[0]!.reports.at(-1)!.step;
  return { directions: ['maximize'], maxStep: 10, ...more, batch, step, trials: [...others, ...batch] };
}
