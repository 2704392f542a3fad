import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { LrdistError } from '../errors.ts';
import { readElf } from './elf.ts';
import type { Archive } from './unzip.ts';

/** Libraries of the Python side and of PyTorch's own tests: the addon needs none of them. */
const unwanted =
  /lib(torch_python|shm|jitbackend_test|backend_with_compiler|torchbind_test|aoti_custom_ops|torch_global_deps)\.so/;

/** What a torch wheel or a libtorch archive holds for us. */
export interface Contents {
  /** Folder inside the archive with include/ and lib/: `torch` or `libtorch`. */
  readonly root: string;
  readonly headers: readonly string[];
  /** Shared libraries worth having, those of a `torch.libs` beside the root included. */
  readonly libraries: readonly string[];
  readonly cuda: boolean;
}

/** @throws LrdistError `ERR_DOWNLOAD` if it holds no libtorch */
export function contentsOf(archive: Archive): Contents {
  const names = archive.names;
  const core = names.find((name) => name === 'lib/libtorch_cpu.so' || name.endsWith('/lib/libtorch_cpu.so'));
  if (core === undefined) {
    throw new LrdistError('ERR_DOWNLOAD', `${archive.path} holds no lib/libtorch_cpu.so.`, {
      remedy: 'Give a torch wheel for Linux or a libtorch archive with shared libraries.',
    });
  }
  const root = dirname(dirname(core));
  const inside = root === '.' ? '' : `${root}/`;
  const libraries = names.filter((name) => {
    const folder = dirname(name);
    return (folder === `${inside}lib` || folder === `${root}.libs`) && /\.so(\.|$)/.test(name) && !unwanted.test(name);
  });
  return {
    root,
    headers: names.filter((name) => name.startsWith(`${inside}include/`)),
    libraries,
    cuda: libraries.some((name) => basename(name) === 'libtorch_cuda.so'),
  };
}

/** Entries with these file names and, once unpacked, what they need from the same archive; what it lacks is left to `unresolved`. */
export async function extractNeeded(
  archive: Archive,
  from: readonly string[],
  roots: readonly string[],
  folder: string,
  signal?: AbortSignal,
): Promise<void> {
  const byName = new Map(from.map((name) => [basename(name), name]));
  const done = new Set<string>();
  for (let queue = [...roots]; queue.length > 0; ) {
    const entries = queue.flatMap((name) => byName.get(name) ?? []);
    await archive.extract(entries, folder, { signal });
    for (const name of queue) done.add(name);
    queue = [...new Set(entries.flatMap((name) => readElf(join(folder, name)).needed))].filter(
      (name) => byName.has(name) && !done.has(name),
    );
  }
}

/** Libraries of the system, which are not ours to bring. */
const system = /^(ld-linux.*|lib(c|m|dl|rt|pthread|util|gcc_s|stdc\+\+|z)|libcuda)\.so/;

/**
 * Names of the libraries that `files` ask for and that neither the system nor their own search path has. `libcuda.so.1` belongs to the
 * NVIDIA driver.
 */
export function unresolved(files: readonly string[]): string[] {
  const missing = new Set<string>();
  const seen = new Set<string>();
  for (let queue = [...files]; queue.length > 0; ) {
    const file = queue.pop()!;
    if (seen.has(file)) continue;
    seen.add(file);
    const { needed, searchPath } = readElf(file);
    const folders = [...searchPath.map((path) => path.replace(/^\$\{?ORIGIN\}?/, dirname(file))), dirname(file)];
    for (const name of needed) {
      if (system.test(name)) continue;
      const home = folders.find((path) => existsSync(join(path, name)));
      if (home === undefined) missing.add(name);
      else queue.push(join(home, name));
    }
  }
  return [...missing].sort();
}

/** Part of NVIDIA's toolkit that brings a library, by the beginning of its file name. */
const components: readonly (readonly [library: string, component: string, distribution: string])[] = [
  ['libcudart', 'cudart', 'nvidia-cuda-runtime'],
  ['libcupti', 'cupti', 'nvidia-cuda-cupti'],
  ['libnvrtc', 'nvrtc', 'nvidia-cuda-nvrtc'],
  ['libnvToolsExt', 'nvtx', 'nvidia-nvtx'],
  ['libcublas', 'cublas', 'nvidia-cublas'],
  ['libcufft', 'cufft', 'nvidia-cufft'],
  ['libcufile', 'cufile', 'nvidia-cufile'],
  ['libcurand', 'curand', 'nvidia-curand'],
  ['libcusolver', 'cusolver', 'nvidia-cusolver'],
  ['libcusparseLt', 'cusparselt', 'nvidia-cusparselt'],
  ['libcusparse', 'cusparse', 'nvidia-cusparse'],
  ['libnvJitLink', 'nvjitlink', 'nvidia-nvjitlink'],
  ['libcudnn', 'cudnn', 'nvidia-cudnn'],
  ['libnccl', 'nccl', 'nvidia-nccl'],
  ['libnvshmem', 'nvshmem', 'nvidia-nvshmem'],
];

interface Requirement {
  readonly name: string;
  readonly extras: readonly string[];
  readonly version: string;
}

/** NVIDIA's wheels in a wheel's METADATA (`Requires-Dist: cuda-toolkit[cudart,…]==13.0.3; …`), versions pinned there. */
function nvidiaRequirements(metadata: string): Requirement[] {
  return Array.from(
    metadata.matchAll(/^Requires-Dist: ((?:nvidia-|cuda-toolkit)[\w.-]*?)\s*(?:\[([^\]]*)\])?\s*\(?(==[\w.!+]+)/gm),
    (match) => ({
      name: match[1]!,
      extras: (match[2] ?? '')
        .split(',')
        .map((extra) => extra.trim())
        .filter((extra) => extra !== ''),
      version: match[3]!,
    }),
  );
}

/** What pip is to be asked for so that these libraries come; all of NVIDIA's wheels if `libraries` is not given. */
export function requirementsFor(
  metadata: string,
  libraries?: readonly string[],
): { requirements: string[]; unknown: string[] } {
  const all = nvidiaRequirements(metadata);
  const write = ({ name, extras, version }: Requirement): string =>
    `${name}${extras.length === 0 ? '' : `[${extras.join(',')}]`}${version}`;
  if (libraries === undefined) return { requirements: all.map(write), unknown: [] };
  const extras = new Set<string>();
  const wanted = new Set<string>();
  const unknown: string[] = [];
  const toolkit = all.find(({ name }) => name === 'cuda-toolkit');
  for (const library of libraries) {
    const component = components.find(([prefix]) => library.startsWith(prefix));
    const own = component && all.find(({ name }) => name === component[2] || name.startsWith(`${component[2]}-`));
    if (own !== undefined) wanted.add(write(own));
    else if (component && toolkit?.extras.includes(component[1]) === true) extras.add(component[1]);
    else unknown.push(library);
  }
  if (toolkit !== undefined && extras.size > 0) wanted.add(write({ ...toolkit, extras: [...extras].sort() }));
  return { requirements: [...wanted], unknown };
}
