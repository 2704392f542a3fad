import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LrdistError } from '../../errors.ts';
import { withLock } from './lock.ts';
import { exists, remove, writing } from './repository.ts';
import { request, type RequestOptions, Unreachable } from './request.ts';

export interface RemoteFile {
  readonly url: string;
  readonly etag: string;
  /** Bytes; undefined where the server does not say. */
  readonly size: number | undefined;
}

/**
 * Fetches a file to `path`. What came before a cut stays in `<path>.lrdist.incomplete` and is gone on with; the name differs from
 * huggingface_hub's, so that the two never write into one file. Size and, where the etag is one, checksum are verified before the rename.
 * @throws LrdistError ERR_HUB, ERR_DOWNLOAD or ERR_WRITE.
 */
export async function download(
  file: RemoteFile,
  path: string,
  options: RequestOptions,
  onBytes: (done: number, total: number | undefined) => void,
): Promise<void> {
  await writing(path, async () => {
    await mkdir(dirname(path), { recursive: true });
    await withLock(`${path}.lrdist.lock`, options.signal, async () => {
      if (!(await exists(path))) await fetchAndCheck(file, path, options, onBytes);
    });
  });
}

async function fetchAndCheck(
  file: RemoteFile,
  path: string,
  options: RequestOptions,
  onBytes: (done: number, total: number | undefined) => void,
): Promise<void> {
  const partial = `${path}.lrdist.incomplete`;
  for (let attempt = 0; ; attempt++) {
    options.signal?.throwIfAborted();
    const cut = await receive(file, partial, options, onBytes);
    if (cut === undefined) break;
    if (attempt >= options.retries) {
      throw new Unreachable('ERR_HUB', `${file.url}: the connection broke (${cut}).`, {
        remedy: 'Try again: the download goes on where it stopped.',
      });
    }
  }
  const problem = await verify(file, partial);
  if (problem !== undefined) {
    await remove(partial);
    throw new LrdistError('ERR_DOWNLOAD', `${file.url}: ${problem}.`, {
      remedy: 'Try again; if it stays so, the server or a proxy changes the file.',
    });
  }
  const handle = await open(partial, 'r+');
  await handle.sync();
  await handle.close();
  await rename(partial, path);
}

/** Receives what is not there yet. Says what went wrong if the connection broke on the way. */
async function receive(
  file: RemoteFile,
  partial: string,
  options: RequestOptions,
  onBytes: (done: number, total: number | undefined) => void,
): Promise<string | undefined> {
  let done = (await stat(partial).catch(() => undefined))?.size ?? 0;
  if (file.size !== undefined && done > file.size) {
    await remove(partial);
    done = 0;
  }
  if (file.size !== undefined && done === file.size && done > 0) return undefined;
  const response = await request(file.url, { ...options, headers: done > 0 ? { range: `bytes=${done}-` } : {} });
  if (response.status === 416) {
    // The part is no part of this file.
    await response.body?.cancel();
    await remove(partial);
    return 'it has fewer bytes than were received before';
  }
  const goesOn =
    response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${done}-`) === true;
  if (response.status !== 200 && !goesOn) {
    await response.body?.cancel();
    throw new LrdistError('ERR_HUB', `${file.url} answered ${response.status}.`, {
      remedy: 'Check HF_ENDPOINT, or try again later.',
    });
  }
  if (!goesOn) done = 0;
  const handle = await open(partial, goesOn ? 'a' : 'w');
  try {
    onBytes(done, file.size);
    for await (const chunk of chunks(response, options)) {
      await handle.writeFile(chunk);
      done += chunk.length;
      if (file.size !== undefined && done > file.size) return undefined;
      onBytes(done, file.size);
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    if ((error as NodeJS.ErrnoException).syscall === 'write') throw error;
    return (error as Error).message;
  } finally {
    await handle.close();
  }
  return file.size !== undefined && done < file.size ? `${done} of ${file.size} bytes received` : undefined;
}

/** The body in pieces; an error if none comes within the time limit. */
async function* chunks(response: Response, options: RequestOptions): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const piece = await withLimit(reader.read(), options.timeoutMs);
      if (piece.done) return;
      yield piece.value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function withLimit<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing received for ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is wrong with the file, if anything. Large files have their SHA-256 as etag, small ones git's SHA-1 of the blob. */
async function verify(file: RemoteFile, partial: string): Promise<string | undefined> {
  const { size } = await stat(partial);
  if (file.size !== undefined && size !== file.size) return `expected ${file.size} bytes, received ${size}`;
  const isSha256 = /^[0-9a-f]{64}$/.test(file.etag);
  if (!isSha256 && !/^[0-9a-f]{40}$/.test(file.etag)) return undefined;
  const hash = isSha256 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
  for await (const chunk of createReadStream(partial)) hash.update(chunk as Buffer);
  const found = hash.digest('hex');
  return found === file.etag ? undefined : `expected checksum ${file.etag}, received ${found}`;
}
