import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { env } from '../env.ts';

/** The package's own folder: two levels above this file, both in lib/ and compiled in dist/. */
export const packageFolder: string = fileURLToPath(new URL('../../', import.meta.url));

/** Where CMake builds. Never `build/`: node-gyp wipes that one. */
export function buildFolder(root: string = packageFolder): string {
  return join(root, 'native', 'build');
}

export function builtAddon(root: string = packageFolder): string {
  return join(buildFolder(root), 'Release', 'lrdist.node');
}

/** LRDIST_CACHE, else $XDG_CACHE_HOME/lrdist, else ~/.cache/lrdist. */
export function cacheFolder(): string {
  const xdg = process.env['XDG_CACHE_HOME'];
  return env('LRDIST_CACHE') ?? join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'lrdist');
}
