import { LrdistError, nearest } from '../../errors.ts';
import type { Pruner } from '../pruner.ts';
import { ashaPruner, moAshaPruner, paperPruner } from './asha.ts';
import { hyperbandPruner } from './hyperband.ts';
import { medianPruner } from './median.ts';
import { nonePruner } from './none.ts';
import type { PrunerSettings } from './settings.ts';
import { successiveHalvingPruner } from './successive-halving.ts';
import { wilcoxonPruner } from './wilcoxon.ts';

/** Every pruner by its name. */
export const pruners = {
  none: nonePruner,
  median: medianPruner,
  'successive-halving': successiveHalvingPruner,
  hyperband: hyperbandPruner,
  asha: ashaPruner,
  'mo-asha': moAshaPruner,
  wilcoxon: wilcoxonPruner,
  paper: paperPruner,
} as const satisfies Record<string, (settings?: PrunerSettings) => Pruner>;

export type PrunerName = keyof typeof pruners;

export const prunerNames = Object.keys(pruners) as readonly PrunerName[];

/**
 * A pruner by name, for instance as a study's record has it.
 *
 * @throws LrdistError ERR_INVALID_OPTION for an unknown name or a wrong setting, ERR_UNKNOWN_OPTION for a setting that the pruner does not have
 */
export function createPruner(name: string, settings: PrunerSettings = {}): Pruner {
  if (Object.hasOwn(pruners, name)) return pruners[name as PrunerName](settings);
  const near = nearest(name, prunerNames);
  throw new LrdistError('ERR_INVALID_OPTION', `pruner: there is no pruner "${name}"`, {
    remedy: near === undefined ? `The pruners are ${prunerNames.join(', ')}.` : `Did you mean ${near}?`,
  });
}
