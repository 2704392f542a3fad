import { nonDominatedSort, toLosses } from '../pareto.ts';
import type { Direction } from '../space.ts';
import type { Trial } from '../trial.ts';

/** A trial that taught something, and its values with the sign that makes them losses; none where they are not finite. */
export interface RankedTrial {
  readonly trial: Trial;
  readonly losses: readonly number[];
}

/** What has ended and not failed. */
export function taught({ state }: Trial): boolean {
  return state === 'complete' || state === 'pruned';
}

/**
 * Complete and pruned trials in fronts, the best first: complete ones that keep their constraints by domination, then pruned ones, those that went furthest first, then those that
 * break constraints, the least broken first, and last those without finite values.
 */
export function rankTrials(trials: readonly Trial[], directions: readonly Direction[]): RankedTrial[][] {
  const places = trials.filter(taught).map((trial) => ({ trial, place: placeOf(trial) }));
  places.sort((a, b) => a.place[0] - b.place[0] || a.place[1] - b.place[1] || a.trial.number - b.trial.number);
  const fronts: RankedTrial[][] = [];
  for (let start = 0, end = 0; start < places.length; start = end) {
    const [kind, amount] = places[start]!.place;
    while (end < places.length && places[end]!.place[0] === kind && places[end]!.place[1] === amount) end++;
    const tier = places.slice(start, end).map(({ trial }) => ({
      trial,
      losses: kind === Kind.withoutValues ? [] : toLosses(trial.values!, directions),
    }));
    fronts.push(...nonDominatedSort(tier.map(({ losses }) => losses)).map((front) => front.map((i) => tier[i]!)));
  }
  return fronts;
}

const Kind = { complete: 0, pruned: 1, infeasible: 2, withoutValues: 3 } as const;

/** Kind, then what orders trials of that kind before their values do. */
function placeOf(trial: Trial): readonly [kind: number, amount: number] {
  if (trial.values === null || !trial.values.every(Number.isFinite)) return [Kind.withoutValues, 0];
  const violation = (trial.constraints ?? []).reduce((sum, constraint) => sum + Math.max(constraint, 0), 0);
  if (!(violation <= 0)) return [Kind.infeasible, Number.isNaN(violation) ? Infinity : violation];
  if (trial.state === 'pruned') return [Kind.pruned, -(trial.reports.at(-1)?.step ?? 0)];
  return [Kind.complete, 0];
}
