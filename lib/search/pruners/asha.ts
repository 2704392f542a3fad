import { z } from 'zod';
import type { Pruner, PruneRequest } from '../pruner.ts';
import { bestOf, type Spread } from './ranking.ts';
import { allTrials, geometricRungs } from './reports.ts';
import { checkPrunerSettings, halvingSettings, type PrunerSettings } from './settings.ts';

const schema = z.strictObject(halvingSettings);
const severalSchema = z.strictObject({
  ...halvingSettings,
  spread: z.enum(['epsilon-net', 'crowding']).default('epsilon-net'),
});

/**
 * Asynchronous successive halving (Li et al. 2020, arXiv 1810.05934), the kind that stops trials: at a rung a trial goes on if it is among the ceil(n / reduction) best of all n trials of the study that
 * have reported there so far. Nobody waits for others.
 */
export function ashaPruner(settings: PrunerSettings = {}): Pruner {
  const { reduction, grace } = checkPrunerSettings(schema, settings, 'asha');
  return asynchronous('asha', { reduction, grace }, 'crowding');
}

/**
 * ASHA for several objectives (Schmucker et al. 2021, arXiv 2106.12639): best is who is dominated by fewest fronts, and within a front who spreads it most.
 * `spread` is the order within a front: `epsilon-net` (default) or `crowding`.
 */
export function moAshaPruner(settings: PrunerSettings = {}): Pruner {
  const { reduction, grace, spread } = checkPrunerSettings(severalSchema, settings, 'mo-asha');
  return asynchronous('mo-asha', { reduction, grace, spread }, spread);
}

/** ASHA as the paper's search used it: AutoGluon's Hyperband with one bracket that stops trials, reduction 2, grace 1 (epochs are the steps). */
export function paperPruner(settings: PrunerSettings = {}): Pruner {
  checkPrunerSettings(z.strictObject({}), settings, 'paper');
  return ashaPruner({ reduction: 2, grace: 1 });
}

function asynchronous(
  name: string,
  settings: { readonly reduction: number; readonly grace: number; readonly spread?: Spread },
  spread: Spread,
): Pruner {
  const { reduction, grace } = settings;
  const rungs = (maxStep: number) => geometricRungs(grace, reduction, maxStep);
  return {
    name,
    settings: { ...settings },
    decide(request: PruneRequest) {
      if (!rungs(request.maxStep).includes(request.step)) return request.batch.map(() => true);
      const reached = allTrials(request).filter(({ reports }) => reports.some(({ step }) => step === request.step));
      const kept = bestOf(reached, request, Math.ceil(reached.length / reduction), spread);
      return request.batch.map((trial) => kept.has(trial.number));
    },
    rungs,
  };
}
