import { z } from 'zod';
import type { Pruner } from '../pruner.ts';
import type { Trial } from '../trial.ts';
import { bestOf } from './ranking.ts';
import { geometricRungs } from './reports.ts';
import { checkPrunerSettings, halvingSettings, type PrunerSettings } from './settings.ts';

const schema = z.strictObject(halvingSettings);

/**
 * Hyperband (Li et al. 2018, arXiv 1603.06560): successive halving within each batch, in brackets that differ by their first rung, because early scores may mislead. Batch b is in bracket
 * b mod (number of brackets): the first bracket starts at `grace`, the next one rung later, and so on; where maxStep is grace times a power of `reduction`, the last one ends nothing.
 */
export function hyperbandPruner(settings: PrunerSettings = {}): Pruner {
  const { reduction, grace } = checkPrunerSettings(schema, settings, 'hyperband');
  return {
    name: 'hyperband',
    settings: { reduction, grace },
    decide(request) {
      const { batch, step, maxStep } = request;
      const brackets = bracketCount(grace, reduction, maxStep);
      const bracket = batchNumber(batch[0]!) % brackets;
      const rungs = geometricRungs(grace, reduction, maxStep).slice(bracket);
      if (!rungs.includes(step)) return batch.map(() => true);
      const kept = bestOf(batch, request, Math.ceil(batch.length / reduction));
      return batch.map((trial) => kept.has(trial.number));
    },
    rungs: (maxStep) => geometricRungs(grace, reduction, maxStep),
  };
}

/** floor(log(maxStep / grace) / log(reduction)) + 1, without rounding errors. */
function bracketCount(grace: number, reduction: number, maxStep: number): number {
  let brackets = 1;
  for (let step = grace * reduction; step <= maxStep; step *= reduction) brackets++;
  return brackets;
}

/** Trials that were asked for one by one are batches of their own. */
function batchNumber({ attributes, number }: Trial): number {
  return typeof attributes.batch === 'number' ? attributes.batch : number;
}
