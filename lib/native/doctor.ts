import { existsSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, freemem, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { env } from '../env.ts';
import { isLrdistError } from '../errors.ts';
import { reasonsToBuild } from './build.ts';
import { cudaAdvice, type CudaFacts } from './cuda-advice.ts';
import { builtinsBeside, libtorchCuda, nvidiaDriver } from './cuda-facts.ts';
import { builtAddon, cacheFolder, packageFolder } from './folders.ts';
import { inspectLibtorch, type Libtorch } from './libtorch.ts';
import { addonCandidates } from './load.ts';
import { type BuildMetadata, readMetadata } from './metadata.ts';
import { missingFlags } from './processor.ts';
import { lookUp, wantedDevice } from './setup.ts';
import type { SmokeMessage } from './smoke.ts';
import { forkSmokeTest } from './smoke-child.ts';
import { buildTools, type Tool } from './tools.ts';

/** Sizes in bytes. */
export interface DoctorReport {
  readonly ok: boolean;
  readonly node: {
    readonly version: string;
    readonly path: string;
    readonly platform: string;
    readonly arch: string;
    readonly glibc: string | undefined;
  };
  readonly system: {
    readonly kernel: string;
    readonly processor: string;
    readonly threads: number;
    readonly memory: number;
    readonly memoryFree: number;
    readonly nvidiaDriver: string | undefined;
  };
  readonly disk: readonly { readonly folder: string; readonly free: number }[];
  readonly tools: readonly Tool[];
  /** Where libtorch was looked for, one line each. */
  readonly lookup: readonly string[];
  readonly addon: {
    readonly path: string;
    readonly there: boolean;
    readonly build: BuildMetadata | undefined;
    readonly stale: readonly string[];
  };
  readonly smoke: SmokeMessage;
  readonly cuda: CudaFacts;
  readonly advice: readonly string[];
}

/** Gathers the facts, smoke-tests the addon in a forked child and says what to do. Changes nothing. */
export async function examine(options: { signal?: AbortSignal | undefined } = {}): Promise<DoctorReport> {
  const path = addonCandidates()[0]!;
  const build = readMetadata(path);
  const there = existsSync(path);
  const smoke: SmokeMessage = there
    ? await forkSmokeTest(options)
    : { ok: false, code: 'ERR_NATIVE_NOT_BUILT', message: 'the addon has not been built' };
  const facts = {
    ok: smoke.ok,
    node: {
      version: process.version,
      path: process.execPath,
      platform: process.platform,
      arch: process.arch,
      glibc: glibc(),
    },
    system: {
      kernel: release(),
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      threads: availableParallelism(),
      memory: memoryLimit(),
      memoryFree: freemem(),
      nvidiaDriver: nvidiaDriver(),
    },
    disk: [packageFolder, cacheFolder()].map((folder) => ({ folder, free: freeSpace(folder) })),
    tools: buildTools(),
    lookup: lookupSteps(),
    addon: { path, there, build, stale: there && path === builtAddon() ? staleness(build) : [] },
    smoke,
    cuda: cudaFacts(build?.libtorch, smoke),
  };
  return { ...facts, advice: advise(facts) };
}

/** What to do, by what was found. */
export function advise(facts: Omit<DoctorReport, 'advice'>): string[] {
  const { addon, smoke, tools, system } = facts;
  const advice: string[] = [];
  if (!addon.there) advice.push('Run `npx lrdist setup` to build the native addon.');
  else if (addon.stale.length > 0)
    advice.push(`The addon is out of date (${addon.stale.join('; ')}): run \`npx lrdist setup\`.`);
  if (addon.there && !smoke.ok) advice.push(smoke.remedy ?? 'Build the addon again with `npx lrdist setup --force`.');
  const lacking = missingFlags(addon.build?.processorFlags ?? []);
  if (lacking.length > 0)
    advice.push(
      `The addon was built for another processor (${lacking.join(', ')} missing here): run \`npx lrdist setup\`.`,
    );
  const [cmake, compiler, ninja, make] = tools;
  if (!smoke.ok && (cmake?.version === undefined || compiler?.version === undefined))
    advice.push('CMake and a C++20 compiler are needed to build the addon.');
  if (!smoke.ok && ninja?.version === undefined && make?.version === undefined)
    advice.push('Ninja or Make is needed to build the addon.');
  advice.push(...cudaAdvice(facts.cuda));
  if (!smoke.ok && (process.env['LD_LIBRARY_PATH'] ?? '') !== '')
    advice.push('LD_LIBRARY_PATH is set; try without it.');
  if (system.memoryFree < 1e9) advice.push('Less than 1 GB of memory is free; a BERT-base needs about 2 GB to train.');
  for (const { folder, free } of facts.disk) if (free < 2e9) advice.push(`Little disk space is left in ${folder}.`);
  return advice;
}

function staleness(build: BuildMetadata | undefined): readonly string[] {
  const libtorch = present(build?.libtorch.path);
  if (build === undefined) return ['it has no metadata'];
  if (libtorch === undefined) return [`libtorch is no longer in ${build.libtorch.path}`];
  return reasonsToBuild({ libtorch, march: build.march });
}

function present(path: string | undefined): Libtorch | undefined {
  try {
    return path === undefined ? undefined : inspectLibtorch(path);
  } catch {
    return undefined;
  }
}

function lookupSteps(): readonly string[] {
  try {
    const lookup = lookUp({ anyVersion: env('LIBTORCH_BYPASS_VERSION_CHECK') === '1' });
    return lookup.found === undefined ? [...lookup.steps, `setup would obtain it (${wantedDevice()})`] : lookup.steps;
  } catch (error) {
    return [isLrdistError(error) ? `${error.code}: ${error.message}` : String(error)];
  }
}

function glibc(): string | undefined {
  const header = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header;
  return header.glibcVersionRuntime;
}

/** The container's limit where there is one below the machine's memory. */
function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function cudaFacts(libtorch: Pick<Libtorch, 'path' | 'device'> | undefined, smoke: SmokeMessage): CudaFacts {
  const info = smoke.ok ? smoke.info : undefined;
  return {
    driver: nvidiaDriver(),
    libtorch: libtorch?.device,
    libtorchCuda: libtorch === undefined ? undefined : libtorchCuda(libtorch.path),
    found: info?.cuda,
    devices: info?.devices.filter(({ name }) => name !== 'cpu') ?? [],
    builtins: builtinsBeside(info?.cuda.nvrtc ?? ''),
  };
}

/** Free bytes on the disk of the folder, or of the nearest one above it that exists. */
function freeSpace(folder: string): number {
  let at = folder;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  const { bavail, bsize } = statfsSync(at);
  return bavail * bsize;
}
