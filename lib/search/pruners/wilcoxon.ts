import { mean } from 'simple-statistics';
import { z } from 'zod';
import type { Losses } from '../pareto.ts';
import type { Pruner, PruneRequest } from '../pruner.ts';
import type { Trial } from '../trial.ts';
import { nonDominatedSort } from '../pareto.ts';
import { allTrials, finiteLosses, lossesAt } from './reports.ts';
import { checkPrunerSettings, type PrunerSettings } from './settings.ts';
import { signedRankP } from './signed-rank.ts';

const schema = z.strictObject({
  /** A trial ends where the chance that it is no worse looks smaller than this. */
  threshold: z.number().gt(0).lt(1).default(0.1),
  /** Steps before any is ended. */
  startupSteps: z.int().min(0).default(2),
});

/**
 * For trials whose steps are repetitions (seeds, folds) and whose reports are the scores of each: a trial ends if it is worse than the best complete trial on the same seeds by Wilcoxon's one-sided
 * signed-rank test, and worse on average too (the idea and defaults of Optuna's pruner). With several objectives the rivals are the front, and it ends if one of them is better in each.
 */
export function wilcoxonPruner(settings: PrunerSettings = {}): Pruner {
  const { threshold, startupSteps } = checkPrunerSettings(schema, settings, 'wilcoxon');
  return {
    name: 'wilcoxon',
    settings: { threshold, startupSteps },
    decide(request) {
      const rivals = bestComplete(request);
      return request.batch.map((trial) => {
        const seeds = trial.reports.filter(({ step }) => step <= request.step).length;
        return seeds <= startupSteps || !rivals.some((rival) => isWorse(trial, rival, request, threshold));
      });
    },
    rungs: (maxStep) => Array.from({ length: maxStep - 1 }, (_, i) => i + 1).filter((step) => step > startupSteps),
  };
}

/** The complete trials that no other dominates: with one objective the best, and if several are, the first. */
function bestComplete(request: PruneRequest): readonly Trial[] {
  const inBatch = new Set(request.batch.map(({ number }) => number));
  const complete = allTrials(request).filter(
    ({ state, values, number }) => state === 'complete' && values !== null && !inBatch.has(number),
  );
  const front = nonDominatedSort(complete.map(({ values }) => finiteLosses(values!, request.directions)))[0] ?? [];
  return (request.directions.length === 1 ? front.slice(0, 1) : front).map((i) => complete[i]!);
}

function isWorse(trial: Trial, rival: Trial, { step, directions }: PruneRequest, threshold: number): boolean {
  const pairs = trial.reports
    .filter((report) => report.step <= step)
    .map((report) => [finiteLosses(report.values, directions), lossesAt(rival, report.step, directions)] as const)
    .filter((pair): pair is readonly [Losses, Losses] => pair[1] !== undefined);
  if (pairs.length === 0) return false;
  return directions.every((_, k) => {
    const differences = pairs.map(([own, other]) => difference(own[k]!, other[k]!));
    return mean(differences) > 0 && signedRankP(differences) < threshold;
  });
}

/** Two losses that are both infinite are equal. */
function difference(own: number, other: number): number {
  return own === other ? 0 : own - other;
}
