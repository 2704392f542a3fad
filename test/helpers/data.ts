import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { env } from '../../lib/env.ts';

/** Folder with `glue/` and `models/` for tests on real data, or undefined (such tests then say that they skip). */
export function dataFolder(): string | undefined {
  const folder = env('LRDIST_DATA') ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'data');
  return existsSync(join(folder, 'glue')) ? folder : undefined;
}
