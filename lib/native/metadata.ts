import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { z } from 'zod';

/** `lrdist.json` beside the addon: what it was built from. Whether a build is still right is a comparison with this. */
export const buildMetadataSchema = z.object({
  format: z.literal('lrdist-build/1'),
  libtorch: z.object({ path: z.string(), version: z.string(), device: z.enum(['cpu', 'cuda']), cxx11Abi: z.boolean() }),
  /** Hash of the native sources and CMake files. */
  sources: z.string(),
  march: z.string(),
  /** Instruction sets the addon may use, in /proc/cpuinfo's names. */
  processorFlags: z.array(z.string()),
  compiler: z.string(),
  date: z.string(),
});

export type BuildMetadata = z.infer<typeof buildMetadataSchema>;
export type BuildWish = Pick<BuildMetadata, 'libtorch' | 'sources' | 'march'>;

export function metadataPath(addon: string): string {
  return addon.replace(/\.node$/, '.json');
}

/** undefined when there is none, or when it is not one of ours. */
export function readMetadata(addon: string): BuildMetadata | undefined {
  try {
    return buildMetadataSchema.safeParse(JSON.parse(readFileSync(metadataPath(addon), 'utf8'))).data;
  } catch {
    return undefined;
  }
}

export function writeMetadata(addon: string, metadata: BuildMetadata): void {
  writeFileSync(metadataPath(addon), `${JSON.stringify(metadata, null, 2)}\n`);
}

/** Why a build no longer fits what is wanted, one reason each; empty when it fits. */
export function staleReasons(
  built: BuildMetadata | undefined,
  wanted: BuildWish,
  flagsMissing: readonly string[] = [],
): string[] {
  if (built === undefined) return ['the addon has not been built'];
  const reasons: string[] = [];
  if (built.sources !== wanted.sources) reasons.push('its sources have changed');
  if (built.libtorch.path !== wanted.libtorch.path) reasons.push(`libtorch is now in ${wanted.libtorch.path}`);
  if (built.libtorch.version !== wanted.libtorch.version) {
    reasons.push(`libtorch is ${wanted.libtorch.version}, it was built with ${built.libtorch.version}`);
  }
  if (built.libtorch.device !== wanted.libtorch.device)
    reasons.push(`libtorch is now a ${wanted.libtorch.device} build`);
  if (built.libtorch.cxx11Abi !== wanted.libtorch.cxx11Abi) reasons.push('libtorch has the other C++ ABI');
  if (built.march !== wanted.march) reasons.push(`it was built with -march=${built.march}`);
  if (flagsMissing.length > 0) reasons.push(`this processor lacks ${flagsMissing.join(', ')}`);
  return reasons;
}

/** Hash over names and bytes of everything the addon is compiled from. */
export function hashSources(root: string): string {
  const files = ['CMakeLists.txt', ...listFiles(join(root, 'native')).map((path) => relative(root, path))].sort();
  const hash = createHash('sha256');
  for (const file of files) {
    const bytes = readFileSync(join(root, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'build' ? [] : listFiles(path);
    return /\.(cc|cu|cuh|h|cmake)$/.test(entry.name) ? [path] : [];
  });
}
