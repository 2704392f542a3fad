import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LrdistError } from '../errors.ts';
import { isSupported, supportedVersions } from './versions.ts';

export interface Libtorch {
  /** Folder with include/ and lib/. */
  readonly path: string;
  readonly version: string;
  readonly device: 'cpu' | 'cuda';
  /** Whether it was built with the std::string of C++11; wheels before 2.7 were not. */
  readonly cxx11Abi: boolean;
}

export type LibtorchSource = 'LIBTORCH' | 'python' | 'recorded' | 'cache';

export interface Lookup {
  readonly found: (Libtorch & { readonly source: LibtorchSource }) | undefined;
  /** What was looked at, in order, one line each. */
  readonly steps: readonly string[];
}

export interface LookupOptions {
  /** The user's own choice of a folder (LIBTORCH). */
  readonly chosen?: string | undefined;
  /** Python whose torch is to be used: a command or a path. */
  readonly python?: string | undefined;
  /** Folders of earlier builds, newest first. */
  readonly recorded: readonly string[];
  /** Folders obtained earlier, best first. */
  readonly obtained: readonly string[];
  /** Take versions outside the supported range. */
  readonly anyVersion?: boolean;
  /** Folder of a Python's torch, or undefined when it has none. Throws when that Python does not run. */
  readonly torchOf: (python: string) => string | undefined;
}

/**
 * Looks for a libtorch: LIBTORCH, then a Python's torch if asked for, then the one used before, then the one obtained before. Nothing
 * is downloaded. A choice the user made is never passed over: if it does not serve, that is an error.
 *
 * @throws LrdistError `ERR_LIBTORCH_NOT_FOUND`, `ERR_LIBTORCH_VERSION`
 */
export function findLibtorch(options: LookupOptions): Lookup {
  const steps: string[] = [];
  const accept = (path: string, source: LibtorchSource, step: string): Lookup => {
    const libtorch = checkVersion(inspectLibtorch(path), options.anyVersion ?? false);
    return {
      found: { ...libtorch, source },
      steps: [...steps, `${step}: libtorch ${libtorch.version} (${libtorch.device}) in ${libtorch.path}`],
    };
  };
  if (options.chosen !== undefined) return accept(options.chosen, 'LIBTORCH', 'LIBTORCH');
  steps.push('LIBTORCH: not set');
  if (options.python !== undefined) {
    const path = options.torchOf(options.python);
    if (path === undefined) {
      throw new LrdistError('ERR_LIBTORCH_NOT_FOUND', `${options.python} has no torch package.`, {
        remedy:
          'Install torch for that Python, name another with --python, or leave it out: lrdist then obtains libtorch itself.',
      });
    }
    return accept(path, 'python', options.python);
  }
  steps.push('Python: not asked for (--python, LIBTORCH_USE_PYTORCH=1)');
  const earlier = [
    ...options.recorded.map((path) => ({ path, source: 'recorded' as const, step: 'used before' })),
    ...options.obtained.map((path) => ({ path, source: 'cache' as const, step: 'obtained before' })),
  ];
  for (const { path, source, step } of earlier) {
    try {
      return accept(path, source, step);
    } catch (error) {
      steps.push(`${step}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (options.recorded.length === 0) steps.push('used before: none');
  if (options.obtained.length === 0) steps.push('obtained before: none');
  return { found: undefined, steps };
}

/** Reads a libtorch folder. @throws LrdistError `ERR_LIBTORCH_NOT_FOUND` naming what is missing */
export function inspectLibtorch(folder: string): Libtorch {
  const path = resolve(folder);
  const versionHeader = ['include/torch/headeronly/version.h', 'include/torch/csrc/api/include/torch/version.h'].find(
    (name) => existsSync(join(path, name)) && /TORCH_VERSION_MAJOR +\d/.test(readFileSync(join(path, name), 'utf8')),
  );
  const missing = ['include/ATen/ATen.h', 'lib/libc10.so', 'lib/libtorch_cpu.so'].filter(
    (name) => !existsSync(join(path, name)),
  );
  if (versionHeader === undefined) missing.push('include/torch/headeronly/version.h');
  if (versionHeader === undefined || missing.length > 0) {
    throw new LrdistError(
      'ERR_LIBTORCH_NOT_FOUND',
      `${path} is not a whole libtorch (missing ${missing.join(', ')}).`,
      {
        remedy: 'Set LIBTORCH to a folder with include/ and lib/, or unset it: lrdist then obtains libtorch itself.',
      },
    );
  }
  const header = readFileSync(join(path, versionHeader), 'utf8');
  const version = ['MAJOR', 'MINOR', 'PATCH']
    .map((part) => new RegExp(`TORCH_VERSION_${part} +(\\d+)`).exec(header)?.[1] ?? '0')
    .join('.');
  const device = existsSync(join(path, 'lib/libtorch_cuda.so')) ? 'cuda' : 'cpu';
  return { path, version, device, cxx11Abi: fileContains(join(path, 'lib/libc10.so'), '__cxx11') };
}

export function checkVersion(libtorch: Libtorch, anyVersion: boolean): Libtorch {
  if (anyVersion || isSupported(libtorch.version)) return libtorch;
  throw new LrdistError(
    'ERR_LIBTORCH_VERSION',
    `libtorch ${libtorch.version} in ${libtorch.path} is outside ${supportedVersions}.`,
    {
      remedy:
        'Use a supported release, or try this one at your own risk with --any_version (LIBTORCH_BYPASS_VERSION_CHECK=1).',
    },
  );
}

function fileContains(path: string, text: string): boolean {
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(1 << 20);
    let carried = '';
    for (;;) {
      const length = readSync(file, chunk);
      if (length === 0) return false;
      const part = carried + chunk.toString('latin1', 0, length);
      if (part.includes(text)) return true;
      carried = part.slice(-text.length);
    }
  } finally {
    closeSync(file);
  }
}
