import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { Readable } from 'node:stream';
import { LrdistError } from '../errors.ts';
import { formatBytes, type Notices } from './notice.ts';

/** Fetches an archive into `folder` and returns its path. @throws LrdistError `ERR_DOWNLOAD` */
export async function downloadArchive(
  url: string,
  folder: string,
  options: { signal?: AbortSignal | undefined; notices: Notices },
): Promise<string> {
  const { signal, notices } = options;
  try {
    const response = await fetch(url, signal === undefined ? {} : { signal });
    if (!response.ok || response.body === null)
      throw new Error(`the server answered ${response.status} ${response.statusText}`);
    const header = response.headers.get('content-length');
    const total = header === null ? undefined : Number(header);
    notices.say(`Downloading ${url}${total === undefined ? '' : ` (${formatBytes(total)})`}`);
    const path = join(folder, decodeURIComponent(new URL(url).pathname.split('/').pop() ?? '') || 'archive.zip');
    let done = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        done += chunk.length;
        notices.progress(done, total);
        next(null, chunk);
      },
    });
    const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
    await pipeline(body, count, createWriteStream(path), ...(signal === undefined ? [] : [{ signal }]));
    if (total !== undefined && done !== total && response.headers.get('content-encoding') === null) {
      throw new Error(`only ${done} of ${total} bytes came`);
    }
    return path;
  } catch (cause) {
    if (signal?.aborted === true) throw signal.reason;
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    throw new LrdistError(
      'ERR_DOWNLOAD',
      `${url} could not be downloaded: ${reason instanceof Error ? reason.message : String(reason)}.`,
      {
        remedy:
          'Check the address and the network (with a proxy: NODE_USE_ENV_PROXY=1), or download it by other means and give it with --archive.',
        cause,
      },
    );
  }
}
