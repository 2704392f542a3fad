import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { env } from '../env.ts';
import type { NativeRagged } from '../native/boundary.ts';
import type { Row } from './rows.ts';

/** Part of the key and of the file: raise it when ids or the layout may change. */
const VERSION = 1;
const MAGIC = Buffer.from('LRDTOK\r\n');
/** Magic, version, rows and tokens as u32, SHA-256 of what follows, padded to a multiple of 8. */
const HEADER = 56;

export interface CacheOptions {
  readonly cache?: string | false;
  readonly overwriteCache?: boolean;
  readonly onWarning?: (message: string) => void;
}

/**
 * The token ids of these rows from the cache, or made and put there. The key is the content: texts, labels, tokenizer and length, so a
 * changed file or tokenizer makes a new entry. A damaged entry is noticed by its checksum and made anew.
 */
export async function cached(
  rows: readonly Row[],
  fingerprint: string,
  maxLength: number,
  options: CacheOptions,
  make: () => Promise<NativeRagged>,
): Promise<NativeRagged> {
  if (options.cache === false) return make();
  const folder = options.cache ?? join(cacheFolder(), 'tokens');
  const path = join(folder, `${keyOf(rows, fingerprint, maxLength)}.bin`);
  if (options.overwriteCache !== true) {
    const found = await load(path, options.onWarning);
    if (found !== undefined) return found;
  }
  const made = await make();
  try {
    await store(path, made);
  } catch (error) {
    options.onWarning?.(`Token ids could not be cached in ${folder}: ${(error as Error).message}`);
  }
  return made;
}

/** `LRDIST_CACHE`, or `lrdist` in the user's cache folder. */
export function cacheFolder(): string {
  return env('LRDIST_CACHE') ?? join(env('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'lrdist');
}

function keyOf(rows: readonly Row[], fingerprint: string, maxLength: number): string {
  const hash = createHash('sha256').update(`${VERSION} ${fingerprint} ${maxLength}\n`);
  for (let start = 0; start < rows.length; start += 1000) {
    hash.update(JSON.stringify(rows.slice(start, start + 1000).map(({ a, b, label }) => [a, b ?? null, label])));
  }
  return hash.digest('hex');
}

async function load(path: string, onWarning: CacheOptions['onWarning']): Promise<NativeRagged | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      onWarning?.(`${path} cannot be read: ${(error as Error).message}`);
    return undefined;
  }
  const found = decode(bytes);
  if (found === undefined) onWarning?.(`${path} is damaged and will be made anew.`);
  return found;
}

function encode({ inputIds, typeIds, offsets, labels }: NativeRagged): Buffer {
  const body = Buffer.concat(
    [offsets, labels, inputIds, typeIds].map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)),
  );
  const header = Buffer.alloc(HEADER);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(labels.length, 12);
  header.writeUInt32LE(inputIds.length, 16);
  createHash('sha256').update(header.subarray(0, 20)).update(body).digest().copy(header, 20);
  return Buffer.concat([header, body]);
}

/** Undefined unless the file is whole. Arrays are little-endian, as on every platform libtorch runs on. */
function decode(bytes: Buffer): NativeRagged | undefined {
  if (bytes.length < HEADER || !bytes.subarray(0, 8).equals(MAGIC) || bytes.readUInt32LE(8) !== VERSION)
    return undefined;
  const rows = bytes.readUInt32LE(12);
  const tokens = bytes.readUInt32LE(16);
  if (bytes.length !== HEADER + 4 * (rows + 1) + 4 * rows + 5 * tokens) return undefined;
  const sum = createHash('sha256').update(bytes.subarray(0, 20)).update(bytes.subarray(HEADER)).digest();
  if (!sum.equals(bytes.subarray(20, 52))) return undefined;
  // A copy, because a Buffer may start at an address that 4-byte arrays cannot have.
  const body = new Uint8Array(bytes.subarray(HEADER)).buffer;
  const labelsAt = 4 * (rows + 1);
  const idsAt = labelsAt + 4 * rows;
  return {
    offsets: new Int32Array(body, 0, rows + 1),
    labels: new Float32Array(body, labelsAt, rows),
    inputIds: new Int32Array(body, idsAt, tokens),
    typeIds: new Uint8Array(body, idsAt + 4 * tokens, tokens),
  };
}

/** To a temporary name, synced, renamed: readers see the whole file or none. */
async function store(path: string, data: NativeRagged): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(encode(data));
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
