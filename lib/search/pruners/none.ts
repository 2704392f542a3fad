import { z } from 'zod';
import type { Pruner } from '../pruner.ts';
import { checkPrunerSettings, type PrunerSettings } from './settings.ts';

/** Every trial runs to its end. */
export function nonePruner(settings: PrunerSettings = {}): Pruner {
  checkPrunerSettings(z.strictObject({}), settings, 'none');
  return { name: 'none', settings: {}, decide: ({ batch }) => batch.map(() => true), rungs: () => [] };
}
