import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { env } from '../env.ts';
import { LrdistError } from '../errors.ts';
import { BOUNDARY_VERSION, type NativeModule } from './boundary.ts';
import { readElf } from './elf.ts';
import { builtAddon } from './folders.ts';
import { readMetadata } from './metadata.ts';
import { missingFlags } from './processor.ts';
import { remedies } from './remedies.ts';
import { withShortSpins } from './waiting.ts';

export { trackSession, untrackSession } from './sessions.ts';

/** Files tried, in order. LRDIST_ADDON, when set, is the only one: a silent second choice would hide the mistake. */
export function addonCandidates(): string[] {
  const chosen = env('LRDIST_ADDON');
  return chosen === undefined ? [builtAddon()] : [resolve(chosen)];
}

let loaded: NativeModule | undefined;

/**
 * The native addon, loaded once for each thread.
 *
 * @throws LrdistError `ERR_NATIVE_NOT_BUILT` when there is none; `ERR_NATIVE_LOAD` when none of those there can be loaded.
 */
export function loadNative(): NativeModule {
  loaded ??= loadFirst(addonCandidates());
  return loaded;
}

/** Loads the first usable candidate; keeps every error for one message at the end. */
export function loadFirst(candidates: readonly string[]): NativeModule {
  const failures: { path: string; error: Error }[] = [];
  for (const path of candidates) {
    if (!existsSync(path)) continue;
    try {
      return loadOne(path);
    } catch (error) {
      failures.push({ path, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  if (failures.length === 0) {
    throw new LrdistError(
      'ERR_NATIVE_NOT_BUILT',
      `The native addon has not been built (looked for ${candidates.join(', ')}).`,
      {
        remedy: 'Run `npx lrdist setup`: it finds or obtains libtorch and builds the addon, once.',
      },
    );
  }
  const lines = failures.map(({ path, error }) => `  ${path}: ${error.message}`);
  throw new LrdistError('ERR_NATIVE_LOAD', `The native addon does not load.\n${lines.join('\n')}`, {
    remedy: remedies(failures.map(({ error }) => error.message)),
    cause: failures[0]!.error,
  });
}

function loadOne(path: string): NativeModule {
  const { arch } = readElf(path);
  if (arch !== process.arch) throw new Error(`it was built for ${arch}, this Node is ${process.arch}`);
  const lacking = missingFlags(readMetadata(path)?.processorFlags ?? []);
  if (lacking.length > 0) throw new Error(`it was built for another processor; this one lacks ${lacking.join(', ')}`);
  const addon: unknown = withShortSpins(() => createRequire(import.meta.url)(path) as unknown);
  return checkModule(addon);
}

/** Refuses an addon of another boundary, or one that met another libtorch than it was compiled with. */
export function checkModule(addon: unknown): NativeModule {
  const module = addon as Partial<NativeModule>;
  if (typeof module.info !== 'function' || typeof module.Session !== 'function')
    throw new Error('it is not the lrdist addon');
  const info = module.info();
  if (info.boundaryVersion !== BOUNDARY_VERSION) {
    throw new Error(`it has boundary version ${info.boundaryVersion}, this lrdist needs ${BOUNDARY_VERSION}`);
  }
  if (info.libtorchLoaded !== info.libtorchCompiled) {
    throw new Error(`it was compiled with libtorch ${info.libtorchCompiled} and met libtorch ${info.libtorchLoaded}`);
  }
  return module as NativeModule;
}
