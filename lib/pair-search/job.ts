/** The job module of child processes: see lib/search/executors/child-process.ts. */
import type { BatchObjective } from '../search/executor.ts';
import { loadPair } from './pair.ts';
import { pairObjective } from './pair-objective.ts';
import { type PairSpecInput, pairSpec } from './spec.ts';

export async function createObjective(options: PairSpecInput): Promise<BatchObjective> {
  const objective = pairObjective(await loadPair(pairSpec(options)));
  // What is wrong with the model or the machine is no fault of the trials.
  await objective.session();
  return objective.run;
}
