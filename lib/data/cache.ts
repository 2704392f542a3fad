/** Files that can be made again: found by the content they were made of, checked when read, whole or not there. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { env } from '../env.ts';
import type { NativeRagged } from '../native/boundary.ts';
import { decodeRagged, type EncodedRows, encodeRagged } from './ragged-file.ts';
import type { Row } from './rows.ts';

/** Part of every key and file: raise it when ids, the reading of data files or a layout may change. */
export const cacheVersion = 2;

export interface CacheOptions {
  /** Folder; false = no cache. Default: `tokens` in `LRDIST_CACHE` or the user's cache folder. */
  readonly cache?: string | false;
  readonly overwriteCache?: boolean;
  readonly onWarning?: (message: string) => void;
}

export interface Codec<T> {
  readonly extension: string;
  encode(value: T): Uint8Array;
  /** Undefined if the bytes are not what `encode` made. */
  decode(bytes: Buffer): T | undefined;
}

/** The entry of this key, or made and put there. A damaged entry is made anew; a cache that cannot be written is only told. */
export async function cachedFile<T>(
  key: () => string | Promise<string>,
  options: CacheOptions,
  codec: Codec<T>,
  make: () => Promise<T>,
): Promise<T> {
  if (options.cache === false) return make();
  const folder = options.cache ?? join(cacheFolder(), 'tokens');
  const path = join(folder, `${await key()}.${codec.extension}`);
  if (options.overwriteCache !== true) {
    const found = await load(path, codec, options.onWarning);
    if (found !== undefined) return found;
  }
  const made = await make();
  try {
    await store(path, codec.encode(made));
  } catch (error) {
    options.onWarning?.(`Token ids could not be cached in ${folder}: ${(error as Error).message}`);
  }
  return made;
}

export const raggedCodec: Codec<EncodedRows> = {
  extension: 'bin',
  encode: (rows) => encodeRagged(cacheVersion, rows),
  decode: (bytes) => decodeRagged(cacheVersion, bytes),
};

/** The token ids of these rows. The key is texts, labels, tokenizer and length. */
export async function cached(
  rows: readonly Row[],
  fingerprint: string,
  maxLength: number,
  options: CacheOptions,
  make: () => Promise<NativeRagged>,
): Promise<NativeRagged> {
  const found = await cachedFile(
    () => keyOf(rows, fingerprint, maxLength),
    options,
    raggedCodec,
    async () => ({
      data: await make(),
      ids: new Int32Array(),
      skipped: 0,
    }),
  );
  return found.data;
}

/** A key of settings and of files' contents, so that a changed file makes a new entry, wherever it lies. */
export async function keyOfFiles(settings: unknown, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(`${cacheVersion} ${JSON.stringify(settings)}\n`);
  for (const file of files) {
    let bytes = 0;
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    hash.update(`\n${bytes}\n`);
  }
  return hash.digest('hex');
}

/** `LRDIST_CACHE`, or `lrdist` in the user's cache folder. */
export function cacheFolder(): string {
  return env('LRDIST_CACHE') ?? join(env('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'lrdist');
}

function keyOf(rows: readonly Row[], fingerprint: string, maxLength: number): string {
  const hash = createHash('sha256').update(`${cacheVersion} ${fingerprint} ${maxLength}\n`);
  for (let start = 0; start < rows.length; start += 1000) {
    hash.update(JSON.stringify(rows.slice(start, start + 1000).map(({ a, b, label }) => [a, b ?? null, label])));
  }
  return hash.digest('hex');
}

async function load<T>(path: string, codec: Codec<T>, onWarning: CacheOptions['onWarning']): Promise<T | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      onWarning?.(`${path} cannot be read: ${(error as Error).message}`);
    return undefined;
  }
  const found = codec.decode(bytes);
  if (found === undefined) onWarning?.(`${path} is damaged and will be made anew.`);
  return found;
}

/** To a temporary name, synced, renamed: readers see the whole file or none, and of several writers the last one's. */
async function store(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
