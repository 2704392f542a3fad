import { existsSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { LrdistError } from '../errors.ts';
import { checkArchive } from './checksum.ts';
import { addCompanions, rootLibraries } from './companions.ts';
import { downloadArchive } from './download.ts';
import { checkVersion, inspectLibtorch } from './libtorch.ts';
import { withLock } from './lock.ts';
import { formatBytes, type Notices } from './notice.ts';
import { libtorchCache, markerName, type Obtained, readObtained } from './obtained.ts';
import { pipDownload, type PipRequest } from './pip.ts';
import { pythonWithPip } from './python.ts';
import { Archive } from './unzip.ts';
import { cpuIndex, knownChecksums, pinnedVersion } from './versions.ts';
import { contentsOf, extractNeeded, unresolved } from './wheel.ts';

export interface ObtainOptions {
  readonly cache: string;
  readonly device: 'cpu' | 'cuda';
  readonly version?: string | undefined;
  /** Python whose pip is to be used. */
  readonly python?: string | undefined;
  /** A torch wheel or libtorch archive on disk, or its address, instead of pip. */
  readonly archive?: string | undefined;
  readonly url?: string | undefined;
  /** Checksum of that archive. */
  readonly sha256?: string | undefined;
  readonly anyVersion?: boolean;
  readonly checksums?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly notices: Notices;
}

/** Unpacked size and download size, in bytes, roughly: for the announcement and for the check of the disk. */
const sizes = { cpu: { download: 0.2e9, disk: 1.5e9 }, cuda: { download: 2.6e9, disk: 9e9 } };

/**
 * Obtains libtorch into the cache folder and returns its folder. Everything happens in a temporary folder beside the final one, which is
 * renamed at the end: a kill at any moment leaves nothing that looks whole.
 *
 * @throws LrdistError `ERR_DOWNLOAD`, `ERR_LIBTORCH_VERSION`; rejects with `signal.reason` when stopped
 */
export async function obtainLibtorch(options: ObtainOptions): Promise<string> {
  const parent = libtorchCache(options.cache);
  await mkdir(parent, { recursive: true });
  const version = options.version ?? pinnedVersion;
  const final = join(parent, `${version}-${options.device}`);
  return await withLock(
    join(parent, '.lock'),
    async () => {
      const given = options.archive !== undefined || options.url !== undefined;
      const earlier = given ? undefined : readObtained(final);
      if (earlier !== undefined) return join(final, earlier.root);
      // The lock is ours, so these are the leavings of somebody who was killed.
      for (const name of readdirSync(parent))
        if (name.startsWith('.new-')) rmSync(join(parent, name), { recursive: true, force: true });
      requireSpace(parent, sizes[options.device].disk);
      const work = await mkdtemp(join(parent, '.new-'));
      try {
        const { marker, tree } = await fill(work, version, options);
        const target = join(parent, `${marker.version}-${marker.device}`);
        await rm(target, { recursive: true, force: true });
        await rename(tree, target);
        return join(target, marker.root);
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    },
    {
      signal: options.signal,
      onWait: (owner) => options.notices.say(`Waiting for ${owner}, which is obtaining libtorch`),
    },
  );
}

async function fill(
  work: string,
  version: string,
  options: ObtainOptions,
): Promise<{ marker: Obtained; tree: string }> {
  const { notices, signal } = options;
  const downloads = join(work, 'download');
  const tree = join(work, 'tree');
  await mkdir(downloads);
  await mkdir(tree);
  const main = await fetchMain(downloads, version, options);
  const archives = [await checkArchive(main.path, main.sha256, options.checksums ?? knownChecksums)];
  notices.say(`Unpacking ${basename(main.path)}`);
  const archive = await Archive.open(main.path);
  let root: string;
  try {
    const contents = contentsOf(archive);
    root = contents.root;
    if (options.device === 'cuda' && !contents.cuda) {
      throw new LrdistError('ERR_DOWNLOAD', `${basename(main.path)} is a build without CUDA.`, {
        remedy: 'Use --device cpu, or give a CUDA build with --url or --archive.',
      });
    }
    await archive.extract(contents.headers, tree, { signal });
    if (options.device === 'cuda') await archive.extract(contents.libraries, tree, { signal });
    else await extractNeeded(archive, contents.libraries, ['libc10.so', 'libtorch_cpu.so'], tree, signal);
    const metadata = archive.names.find((name) => /^torch-[^/]*\.dist-info\/METADATA$/.test(name));
    if (metadata !== undefined) {
      archives.push(
        ...(await addCompanions(
          { tree, root, downloads, metadata: await archive.text(metadata), all: options.device === 'cuda' },
          options,
        )),
      );
    }
  } finally {
    archive.close();
  }
  const missing = unresolved(rootLibraries(join(tree, root)));
  if (missing.length > 0) {
    throw new LrdistError(
      'ERR_DOWNLOAD',
      `libtorch needs ${missing.join(', ')}, and no wheel that it names brings them.`,
      {
        remedy: 'Give another build with --url or --archive, or use --python or LIBTORCH.',
      },
    );
  }
  const libtorch = checkVersion(inspectLibtorch(join(tree, root)), options.anyVersion ?? false);
  const marker: Obtained = {
    format: 'lrdist-libtorch/1',
    version: libtorch.version,
    device: options.device,
    root,
    archives,
    libraries: librarySizes(tree),
    date: new Date().toISOString(),
  };
  const file = await open(join(tree, markerName), 'w');
  await file.writeFile(`${JSON.stringify(marker, null, 2)}\n`);
  await file.sync();
  await file.close();
  return { marker, tree };
}

/** The torch wheel through pip, or the archive that the user named. */
async function fetchMain(
  folder: string,
  version: string,
  options: ObtainOptions,
): Promise<{ path: string; sha256?: string | undefined }> {
  const { notices, signal, sha256 } = options;
  if (options.archive !== undefined) {
    if (!existsSync(options.archive)) {
      throw new LrdistError('ERR_DOWNLOAD', `${options.archive} is not there.`, {
        remedy: 'Give the path of a torch wheel or libtorch archive.',
      });
    }
    return { path: options.archive, sha256 };
  }
  if (options.url !== undefined)
    return { path: await downloadArchive(options.url, folder, { signal, notices }), sha256 };
  const python = options.python ?? (await pythonWithPip());
  const size = formatBytes(sizes[options.device].download);
  notices.say(
    `Obtaining libtorch ${version} (${options.device}) with ${python}'s pip, about ${size}, into ${libtorchCache(options.cache)}`,
  );
  const attempts: Pick<PipRequest, 'requirements' | 'extraIndex'>[] =
    options.device === 'cuda'
      ? // `===` passes over builds with a local version, such as +cpu.
        [{ requirements: [`torch===${version}`] }, { requirements: [`torch==${version}`] }]
      : [
          { requirements: [`torch==${version}+cpu`] },
          { requirements: [`torch==${version}+cpu`], extraIndex: cpuIndex },
          { requirements: [`torch==${version}`] },
        ];
  let failure: unknown;
  for (const [index, attempt] of attempts.entries()) {
    try {
      const [path] = await pipDownload({ python, folder, signal, notices, ...attempt });
      if (path !== undefined) return { path };
    } catch (error) {
      if (!(error instanceof LrdistError)) throw error;
      failure = error;
      if (options.device === 'cpu' && index === attempts.length - 2)
        notices.say('No index offers a CPU build; taking the general one, about 0.6 GB');
    }
  }
  throw failure;
}

function librarySizes(tree: string): Record<string, number> {
  const files = readdirSync(tree, { withFileTypes: true, recursive: true }).filter(
    (entry) => entry.isFile() && /\.so(\.|$)/.test(entry.name),
  );
  return Object.fromEntries(
    files.map((entry) => join(entry.parentPath, entry.name)).map((path) => [relative(tree, path), statSync(path).size]),
  );
}

function requireSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= bytes) return;
  throw new LrdistError(
    'ERR_DOWNLOAD',
    `${folder} has ${formatBytes(bavail * bsize)} left; libtorch needs ${formatBytes(bytes)} while it is unpacked.`,
    {
      remedy: 'Free some disk space, or set LRDIST_CACHE to a folder on another disk.',
    },
  );
}
