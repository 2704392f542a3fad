import { median } from 'simple-statistics';
import { z } from 'zod';
import type { Pruner, PruneRequest } from '../pruner.ts';
import type { Trial } from '../trial.ts';
import type { Losses } from '../pareto.ts';
import { allTrials, finiteLosses, lossesAt } from './reports.ts';
import { checkPrunerSettings, type PrunerSettings } from './settings.ts';

const schema = z.strictObject({
  /** Complete trials of the study before any is ended. */
  startupTrials: z.int().min(0).default(5),
  /** Steps before any is ended. */
  warmupSteps: z.int().min(0).default(0),
  /** Complete trials with a report at the step. */
  minTrials: z.int().min(1).default(1),
});

/**
 * A trial ends if its best score so far is worse than the median, at this step, of the trials that are complete (Golovin et al. 2017, Vizier; Optuna's rule and defaults). With several objectives it ends if it
 * is worse in each of them.
 */
export function medianPruner(settings: PrunerSettings = {}): Pruner {
  const { startupTrials, warmupSteps, minTrials } = checkPrunerSettings(schema, settings, 'median');
  return {
    name: 'median',
    settings: { startupTrials, warmupSteps, minTrials },
    decide(request) {
      const { batch, step, directions } = request;
      const complete = allTrials(request).filter(({ state }) => state === 'complete');
      const rivals = complete
        .map((trial) => lossesAt(trial, step, directions))
        .filter((losses) => losses !== undefined);
      if (step <= warmupSteps || complete.length < startupTrials || rivals.length < minTrials)
        return batch.map(() => true);
      const medians = directions.map((_, i) => median(rivals.map((losses) => losses[i]!)));
      return batch.map((trial) => !bestSoFar(trial, request).every((loss, i) => loss > medians[i]!));
    },
    rungs: (maxStep) => Array.from({ length: maxStep - 1 }, (_, i) => i + 1).filter((step) => step > warmupSteps),
  };
}

function bestSoFar({ reports }: Trial, { step, directions }: PruneRequest): Losses {
  const losses = reports.filter((report) => report.step <= step).map(({ values }) => finiteLosses(values, directions));
  return directions.map((_, i) => Math.min(...losses.map((loss) => loss[i]!)));
}
