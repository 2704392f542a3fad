import { readdirSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LrdistError } from '../errors.ts';
import type { Notices } from './notice.ts';
import { runLines } from './spawn.ts';

export interface PipRequest {
  readonly python: string;
  /** What to get, in pip's words. */
  readonly requirements: readonly string[];
  /** Where the wheels go; also holds pip's temporary files, so that a full or small /tmp does not matter. */
  readonly folder: string;
  /** Follow the requirements' own requirements. */
  readonly dependencies?: boolean;
  /** An index looked at besides those that pip is set up with; it gets a short patience. */
  readonly extraIndex?: string;
  readonly signal?: AbortSignal | undefined;
  readonly notices: Notices;
}

/** libtorch's C++ side does not depend on the Python version, so one is pinned, whatever Python the user has. */
const pythonTags = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'];

/** pip does not derive the older platform names from the newest, and NVIDIA's wheels carry several. */
const platforms = [...Array.from({ length: 12 }, (_, i) => `manylinux_2_${28 - i}`), 'manylinux2014'];

export function pipArguments(request: PipRequest, arch: string = process.arch): string[] {
  const machine = arch === 'arm64' ? 'aarch64' : 'x86_64';
  return [
    ...[
      '-m',
      'pip',
      'download',
      '--only-binary=:all:',
      '--no-input',
      '--disable-pip-version-check',
      '--progress-bar=off',
    ],
    ...(request.dependencies === true ? [] : ['--no-deps']),
    ...pythonTags,
    ...platforms.flatMap((platform) => ['--platform', `${platform}_${machine}`]),
    ...(request.extraIndex === undefined
      ? []
      : ['--extra-index-url', request.extraIndex, '--retries=1', '--timeout=15']),
    ...['--dest', request.folder],
    ...request.requirements,
  ];
}

/**
 * Downloads wheels with the user's own pip settings (mirrors, certificates, proxies). pip checks each file against the checksum its index
 * gives. Returns the wheels' paths.
 *
 * @throws LrdistError `ERR_DOWNLOAD` with pip's last words
 */
export async function pipDownload(request: PipRequest): Promise<string[]> {
  const temporary = join(request.folder, 'tmp');
  await mkdir(temporary, { recursive: true });
  let total: number | undefined;
  const watch = setInterval(() => request.notices.progress(sizeOf(temporary), total), 500);
  try {
    const { code, tail } = await runLines(request.python, pipArguments(request), {
      env: { ...process.env, TMPDIR: temporary },
      signal: request.signal,
      onLine: (line) => {
        request.notices.tool(line);
        const size = announcedSize(line);
        if (size === undefined) return;
        total = (total ?? 0) + size;
        request.notices.say(line.trim());
      },
    });
    if (code !== 0) throw pipFailed(request, tail);
  } finally {
    clearInterval(watch);
  }
  return readdirSync(request.folder)
    .filter((name) => name.endsWith('.whl'))
    .map((name) => join(request.folder, name));
}

/** Bytes in pip's `Downloading torch-….whl (526.6 MB)`, which comes before the transfer. */
export function announcedSize(line: string): number | undefined {
  const match = /^\s*Downloading \S+ \(([\d.]+) ([kMG]?B)\)/.exec(line);
  if (match === null || / metadata /i.test(line) || /\.metadata /.test(line)) return undefined;
  const unit = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 }[match[2] as 'B' | 'kB' | 'MB' | 'GB'];
  return Number(match[1]) * unit;
}

function pipFailed(request: PipRequest, tail: readonly string[]): LrdistError {
  const text = tail.join('\n');
  const last = tail.filter((line) => line.trim() !== '' && !line.startsWith('WARNING')).slice(-6);
  const remedy = /No matching distribution|Could not find a version/.test(text)
    ? "The indexes that pip is set up with do not offer it: add a mirror to pip's settings, or use LIBTORCH, --python, --url or --archive."
    : /No space left/.test(text)
      ? 'Free some disk space, or set LRDIST_CACHE to a folder on another disk.'
      : /HASH|hash/.test(text)
        ? 'The file differs from what its index says: try again, and look at the mirror if it stays so.'
        : "Check the network and pip's settings (`pip config list`: index-url, proxy, cert), or use LIBTORCH, --python, --url or --archive.";
  return new LrdistError(
    'ERR_DOWNLOAD',
    `pip could not download ${request.requirements.join(' ')}:\n${last.map((line) => `  ${line}`).join('\n')}`,
    { remedy },
  );
}

function sizeOf(folder: string): number {
  let bytes = 0;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
    }
  } catch {
    // pip moves its files while we look.
  }
  return bytes;
}
