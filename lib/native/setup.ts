import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { env } from '../env.ts';
import { buildAddon, type BuildResult } from './build.ts';
import { cudaAdvice } from './cuda-advice.ts';
import { libtorchCuda, nvidiaDriver } from './cuda-facts.ts';
import { builtAddon, cacheFolder, packageFolder } from './folders.ts';
import { findLibtorch, inspectLibtorch, type Libtorch, type Lookup } from './libtorch.ts';
import { readMetadata } from './metadata.ts';
import type { Notices } from './notice.ts';
import { obtainLibtorch } from './obtain.ts';
import { obtainedFolders } from './obtained.ts';
import { pythonFromEnvironment, torchOf } from './python.ts';

export interface SetupOptions {
  readonly root?: string;
  /** Python whose torch is to be used. */
  readonly python?: string | undefined;
  readonly device?: 'auto' | 'cpu' | 'cuda';
  /** libtorch release to obtain; the pinned one if not given. */
  readonly version?: string | undefined;
  readonly archive?: string | undefined;
  readonly url?: string | undefined;
  readonly sha256?: string | undefined;
  readonly march?: string | undefined;
  readonly anyVersion?: boolean;
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly notices: Notices;
}

export interface SetupResult extends BuildResult {
  readonly libtorch: Libtorch;
  /** How it was found, one line for each place looked at. */
  readonly steps: readonly string[];
}

/** Finds libtorch or obtains it, then builds the addon; does nothing that is done already. */
export async function setUp(options: SetupOptions): Promise<SetupResult> {
  const root = options.root ?? packageFolder;
  const anyVersion = (options.anyVersion ?? false) || env('LIBTORCH_BYPASS_VERSION_CHECK') === '1';
  const cache = cacheFolder();
  const lookup = lookUp({ ...options, root, anyVersion }, cache);
  for (const step of lookup.steps) options.notices.tool(step);
  let libtorch: Libtorch | undefined = lookup.found;
  if (libtorch === undefined) {
    const device = wantedDevice(options.device);
    const folder = await obtainLibtorch({ ...options, python: undefined, cache, device, anyVersion });
    libtorch = inspectLibtorch(folder);
  }
  const result = await buildAddon({ ...options, root, libtorch });
  if (result.built) await record(cache, libtorch.path);
  const { path, device } = libtorch;
  for (const advice of setupAdvice(device, nvidiaDriver(), libtorchCuda(path))) options.notices.say(advice);
  return { ...result, libtorch, steps: lookup.steps };
}

/** What to know of a libtorch just built against, before anything of it is loaded. */
export function setupAdvice(
  device: Libtorch['device'],
  driver: string | undefined,
  cuda: string | undefined,
): readonly string[] {
  // Who builds against a CPU libtorch has chosen so, or is told by the doctor.
  if (device === 'cpu') return [];
  return cudaAdvice({ driver, libtorch: device, libtorchCuda: cuda, found: undefined, devices: [], builtins: [] });
}

/** The lookup of libtorch.ts with this machine's environment, records and cache. */
export function lookUp(
  options: Pick<SetupOptions, 'root' | 'python' | 'device' | 'version' | 'archive' | 'url' | 'anyVersion'>,
  cache = cacheFolder(),
): Lookup {
  // An archive given by hand is to be unpacked, whatever lies there from before.
  const given = options.archive !== undefined || options.url !== undefined;
  const asked = (path: string): boolean => matches(path, options);
  const recorded = [readMetadata(builtAddon(options.root))?.libtorch.path, readRecord(cache)].filter(
    (path) => path !== undefined,
  );
  return findLibtorch({
    chosen: given || options.python !== undefined ? undefined : env('LIBTORCH'),
    python: given ? undefined : (options.python ?? pythonFromEnvironment()),
    recorded: given ? [] : [...new Set(recorded)].filter(asked),
    obtained: given ? [] : obtainedFolders(cache, wantedDevice(options.device)).filter(asked),
    anyVersion: options.anyVersion ?? false,
    torchOf,
  });
}

function matches(path: string, options: Pick<SetupOptions, 'device' | 'version'>): boolean {
  if (options.version === undefined && (options.device ?? 'auto') === 'auto') return true;
  try {
    const libtorch = inspectLibtorch(path);
    return (
      (options.version ?? libtorch.version) === libtorch.version &&
      ((options.device ?? 'auto') === 'auto' || options.device === libtorch.device)
    );
  } catch {
    return false;
  }
}

/** CUDA where an NVIDIA driver is loaded. */
export function wantedDevice(device: SetupOptions['device'] = 'auto'): 'cpu' | 'cuda' {
  if (device !== 'auto') return device;
  return existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidiactl') ? 'cuda' : 'cpu';
}

const recordSchema = z.object({ path: z.string() });

/** The libtorch this user built with last, so that another checkout or version of lrdist finds it. */
function readRecord(cache: string): string | undefined {
  try {
    return recordSchema.safeParse(JSON.parse(readFileSync(join(cache, 'libtorch.json'), 'utf8'))).data?.path;
  } catch {
    return undefined;
  }
}

async function record(cache: string, path: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const draft = join(cache, `libtorch.json.${process.pid}`);
  await writeFile(draft, `${JSON.stringify({ path })}\n`);
  await rename(draft, join(cache, 'libtorch.json'));
}
