import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { pinnedVersion } from './versions.ts';

/** `lrdist-libtorch.json` in an obtained folder, written last: a folder with it is whole. */
export const obtainedSchema = z.object({
  format: z.literal('lrdist-libtorch/1'),
  version: z.string(),
  device: z.enum(['cpu', 'cuda']),
  /** Folder below this one with include/ and lib/. */
  root: z.string(),
  archives: z.array(z.object({ file: z.string(), bytes: z.number(), sha256: z.string() })),
  /** Sizes of the shared libraries by path. */
  libraries: z.record(z.string(), z.number()),
  date: z.string(),
});

export type Obtained = z.infer<typeof obtainedSchema>;

export const markerName = 'lrdist-libtorch.json';

export function libtorchCache(cache: string): string {
  return join(cache, 'libtorch');
}

/** libtorch folders obtained earlier and still whole: the wanted device first, then the pinned version, then the others by name. */
export function obtainedFolders(cache: string, device: 'cpu' | 'cuda'): string[] {
  const parent = libtorchCache(cache);
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => {
      const marker = readObtained(join(parent, name));
      return marker === undefined ? [] : [{ path: join(parent, name, marker.root), marker }];
    })
    .sort((a, b) => rank(b.marker, device) - rank(a.marker, device) || (a.path < b.path ? 1 : -1))
    .map(({ path }) => path);
}

function rank(marker: Obtained, device: string): number {
  return (marker.device === device ? 2 : 0) + (marker.version === pinnedVersion ? 1 : 0);
}

/** The marker of an obtained folder, or undefined when it has none or when a library is no longer as it was. */
export function readObtained(folder: string): Obtained | undefined {
  try {
    const marker = obtainedSchema.safeParse(JSON.parse(readFileSync(join(folder, markerName), 'utf8'))).data;
    if (marker === undefined) return undefined;
    const whole = Object.entries(marker.libraries).every(
      ([path, bytes]) => statSync(join(folder, path)).size === bytes,
    );
    return whole ? marker : undefined;
  } catch {
    return undefined;
  }
}
