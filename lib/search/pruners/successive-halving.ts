import { z } from 'zod';
import type { Pruner } from '../pruner.ts';
import { bestOf } from './ranking.ts';
import { geometricRungs } from './reports.ts';
import { checkPrunerSettings, halvingSettings, type PrunerSettings } from './settings.ts';

const schema = z.strictObject(halvingSettings);

/**
 * Successive halving within a batch (Jamieson and Talwalkar 2016, arXiv 1502.07943): at each rung the ceil(n / reduction) best of the n trials that reached it go on, and nothing outside the batch
 * matters. A batch of one trial is never ended: with one trial at a time take ASHA.
 */
export function successiveHalvingPruner(settings: PrunerSettings = {}): Pruner {
  const { reduction, grace } = checkPrunerSettings(schema, settings, 'successive-halving');
  return {
    name: 'successive-halving',
    settings: { reduction, grace },
    decide(request) {
      const { batch, step, maxStep } = request;
      if (!geometricRungs(grace, reduction, maxStep).includes(step)) return batch.map(() => true);
      const kept = bestOf(batch, request, Math.ceil(batch.length / reduction));
      return batch.map((trial) => kept.has(trial.number));
    },
    rungs: (maxStep) => geometricRungs(grace, reduction, maxStep),
  };
}
