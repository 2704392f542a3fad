import { createWriteStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { LrdistError } from '../errors.ts';

/** Files written at a time: a wheel has some ten thousand small headers. */
const atOnce = 8;

/** A zip archive (a wheel is one) whose entries are read by name. */
export class Archive {
  readonly path: string;
  readonly #zip: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(path: string, zip: ZipFile, entries: ReadonlyMap<string, Entry>) {
    this.path = path;
    this.#zip = zip;
    this.#entries = entries;
  }

  /** @throws LrdistError `ERR_DOWNLOAD` if it is not a whole zip file */
  static async open(path: string): Promise<Archive> {
    let zip: ZipFile | undefined;
    try {
      zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
      const entries = new Map<string, Entry>();
      // Names that lead out of the folder are refused by the library.
      for await (const entry of zip.eachEntry()) if (!entry.fileName.endsWith('/')) entries.set(entry.fileName, entry);
      return new Archive(path, zip, entries);
    } catch (cause) {
      zip?.close();
      throw damaged(path, cause);
    }
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  close(): void {
    this.#zip.close();
  }

  async text(name: string): Promise<string> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw damaged(this.path, new Error(`it has no ${name}`));
    const chunks: Buffer[] = [];
    for await (const chunk of await this.#zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  }

  /** Writes these entries below `folder` and checks the CRC of each. Returns the bytes written. */
  async extract(
    names: readonly string[],
    folder: string,
    options: { signal?: AbortSignal | undefined; onBytes?: (bytes: number) => void } = {},
  ): Promise<number> {
    const queue = names.map((name) => this.#entries.get(name)!);
    const made = new Set<string>();
    let bytes = 0;
    const work = async (): Promise<void> => {
      for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
        options.signal?.throwIfAborted();
        const path = join(folder, entry.fileName);
        if (!made.has(dirname(path))) await mkdir(dirname(path), { recursive: true });
        made.add(dirname(path));
        await this.#write(entry, path, options.signal);
        bytes += entry.uncompressedSize;
        options.onBytes?.(bytes);
      }
    };
    const results = await Promise.allSettled(
      Array.from({ length: atOnce }, () => work().finally(() => (queue.length = 0))),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return bytes;
  }

  async #write(entry: Entry, path: string, signal: AbortSignal | undefined): Promise<void> {
    let crc = 0;
    const check = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        crc = crc32(chunk, crc);
        done(null, chunk);
      },
    });
    try {
      await pipeline(
        await this.#zip.openReadStreamPromise(entry),
        check,
        createWriteStream(path),
        ...(signal === undefined ? [] : [{ signal }]),
      );
    } catch (cause) {
      if (signal?.aborted === true) throw signal.reason;
      // A full disk is not the archive's fault.
      if ((cause as NodeJS.ErrnoException).syscall !== undefined) throw cause;
      throw damaged(this.path, cause);
    }
    if (crc !== entry.crc32)
      throw damaged(this.path, new Error(`${entry.fileName} has another checksum than the archive says`));
    if (entry.uncompressedSize > 1 << 20) await sync(path);
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.sync();
  await file.close();
}

function damaged(path: string, cause: unknown): LrdistError {
  return new LrdistError(
    'ERR_DOWNLOAD',
    `${path} cannot be unpacked: ${cause instanceof Error ? cause.message : String(cause)}.`,
    {
      remedy: 'The file is damaged or is no zip archive: obtain it again.',
      cause,
    },
  );
}
