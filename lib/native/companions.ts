import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkArchive } from './checksum.ts';
import type { ObtainOptions } from './obtain.ts';
import type { Obtained } from './obtained.ts';
import { pipDownload } from './pip.ts';
import { pythonWithPip } from './python.ts';
import { Archive } from './unzip.ts';
import { knownChecksums } from './versions.ts';
import { extractNeeded, requirementsFor, unresolved } from './wheel.ts';

/** NVIDIA's libraries, which the wheel expects in folders beside its own: those the CPU library needs, or all. */
export async function addCompanions(
  where: { tree: string; root: string; downloads: string; metadata: string; all: boolean },
  options: Pick<ObtainOptions, 'python' | 'checksums' | 'signal' | 'notices'>,
): Promise<Obtained['archives']> {
  const { notices, signal } = options;
  const { tree, metadata } = where;
  const missing = unresolved(rootLibraries(join(tree, where.root)));
  if (!where.all && missing.length === 0) return [];
  const { requirements } = requirementsFor(metadata, where.all ? undefined : missing);
  if (requirements.length === 0) return [];
  notices.say(
    where.all ? "Adding NVIDIA's libraries" : `Its CPU library needs ${missing.join(', ')}: adding NVIDIA's wheels`,
  );
  const python = options.python ?? (await pythonWithPip());
  const folder = join(where.downloads, 'companions');
  const wheels = await pipDownload({ python, requirements, folder, dependencies: true, signal, notices });
  const archives: Obtained['archives'] = [];
  for (const wheel of wheels) {
    archives.push(await checkArchive(wheel, undefined, options.checksums ?? knownChecksums));
    const archive = await Archive.open(wheel);
    try {
      const libraries = archive.names.filter((name) => /\/lib\/[^/]+\.so(\.|$)/.test(name));
      if (where.all) await archive.extract(libraries, tree, { signal });
      else await extractNeeded(archive, libraries, missing, tree, signal);
    } finally {
      archive.close();
    }
  }
  return archives;
}

/** The libraries that everything else hangs on. */
export function rootLibraries(root: string): string[] {
  return ['libc10.so', 'libtorch_cpu.so', 'libtorch_cuda.so']
    .map((name) => join(root, 'lib', name))
    .filter((path) => existsSync(path));
}
