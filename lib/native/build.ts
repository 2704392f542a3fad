import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, freemem } from 'node:os';
import { join } from 'node:path';
import { env } from '../env.ts';
import { LrdistError } from '../errors.ts';
import { buildFolder, builtAddon, packageFolder } from './folders.ts';
import type { Libtorch } from './libtorch.ts';
import { withLock } from './lock.ts';
import {
  type BuildMetadata,
  type BuildWish,
  hashSources,
  metadataPath,
  readMetadata,
  staleReasons,
  writeMetadata,
} from './metadata.ts';
import type { Notices } from './notice.ts';
import { compiledFlags, missingFlags } from './processor.ts';
import { runLines } from './spawn.ts';
import { requireTools } from './tools.ts';

export interface BuildOptions {
  readonly root?: string;
  readonly libtorch: Libtorch;
  /** Value of -march; '' for the compiler's default. */
  readonly march?: string | undefined;
  /** Build although the present one fits. */
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly notices: Notices;
}

export interface BuildResult {
  readonly addon: string;
  readonly metadata: BuildMetadata;
  /** false when the present build was right already. */
  readonly built: boolean;
}

/** Why the present build is not the wanted one; empty when it is. */
export function reasonsToBuild(options: Pick<BuildOptions, 'root' | 'libtorch' | 'march'>): string[] {
  const built = readMetadata(builtAddon(options.root));
  return staleReasons(built, wish(options), missingFlags(built?.processorFlags ?? []));
}

/**
 * Builds the addon with CMake (through cmake-js) unless the present one was built from the same sources, libtorch and settings.
 *
 * @throws LrdistError `ERR_NATIVE_BUILD` with the compiler's last words
 */
export async function buildAddon(options: BuildOptions): Promise<BuildResult> {
  const root = options.root ?? packageFolder;
  const addon = builtAddon(root);
  return await withLock(
    join(buildFolder(root), '.lock'),
    async () => {
      // Taken before the build: a source edited meanwhile must count as changed.
      const wanted = wish(options);
      const reasons = options.force === true ? ['asked for'] : reasonsToBuild(options);
      const present = readMetadata(addon);
      if (reasons.length === 0 && present !== undefined) return { addon, metadata: present, built: false };
      requireTools();
      options.notices.say(`Building the native addon (${reasons.join('; ')}); this takes a few minutes`);
      // Without its metadata a half-built addon counts as none.
      rmSync(metadataPath(addon), { force: true });
      await configure(root, options);
      await cmakeJs(root, ['build', '--parallel', String(jobs())], options);
      const compiler =
        /^CMAKE_CXX_COMPILER:\w+=(.*)$/m.exec(readFileSync(join(buildFolder(root), 'CMakeCache.txt'), 'utf8'))?.[1] ??
        'c++';
      const metadata: BuildMetadata = {
        format: 'lrdist-build/1',
        ...wanted,
        processorFlags: compiledFlags(compiler, wanted.march),
        compiler,
        date: new Date().toISOString(),
      };
      writeMetadata(addon, metadata);
      return { addon, metadata, built: true };
    },
    {
      signal: options.signal,
      onWait: (owner) => options.notices.say(`Waiting for ${owner}, which is building the addon`),
    },
  );
}

function wish(options: Pick<BuildOptions, 'root' | 'libtorch' | 'march'>): BuildWish {
  const { path, version, device, cxx11Abi } = options.libtorch;
  return {
    libtorch: { path, version, device, cxx11Abi },
    sources: hashSources(options.root ?? packageFolder),
    march: options.march ?? env('LRDIST_MARCH') ?? 'native',
  };
}

/** A cache left by another generator, compiler or place makes CMake refuse: then once more from nothing. */
async function configure(root: string, options: BuildOptions): Promise<void> {
  const args = ['configure', `--CDLIBTORCH=${options.libtorch.path}`, `--CDLRDIST_MARCH=${wish(options).march}`];
  try {
    await cmakeJs(root, args, options);
  } catch (error) {
    if (!(error instanceof LrdistError)) throw error;
    options.notices.tool('Configuring failed; once more without the earlier cache');
    for (const name of ['CMakeCache.txt', 'CMakeFiles'])
      rmSync(join(buildFolder(root), name), { recursive: true, force: true });
    await cmakeJs(root, args, options);
  }
}

async function cmakeJs(root: string, args: readonly string[], options: BuildOptions): Promise<void> {
  const program = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const { code, tail } = await runLines(
    process.execPath,
    [program, ...args, '--directory', root, '--out', buildFolder(root), '--log-level', 'warn'],
    {
      cwd: root,
      signal: options.signal,
      onLine: (line) => options.notices.tool(line),
    },
  );
  if (code === 0) return;
  const lines = tail.filter((line) => line.trim() !== '' && !line.startsWith('ERROR OMG'));
  const telling = lines.filter((line) => /error|FAILED|No such file|not found/i.test(line));
  throw new LrdistError(
    'ERR_NATIVE_BUILD',
    `The native addon could not be built:\n${(telling.length > 0 ? telling : lines)
      .slice(-12)
      .map((line) => `  ${line}`)
      .join('\n')}`,
    {
      remedy:
        'See the whole output with `npx lrdist setup --verbose`. A C++20 compiler is needed, and 1 GB of free memory for each job.',
    },
  );
}

/** A compilation with libtorch's headers takes up to 0.6 GB. */
function jobs(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / 1e9)));
}
