import { constants, type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LrdistError } from '../../../errors.ts';
import { type Line, parseLine } from './lines.ts';
import { Replay } from './replay.ts';

/** A journal on disk, and what its lines amount to as far as they have been read. */
export class JournalFile {
  readonly #path: string;
  #replay = new Replay();
  /** Bytes and lines that have been read: whole lines only. */
  #offset = 0;
  #lines = 0;

  constructor(path: string) {
    this.#path = path;
  }

  get replay(): Replay {
    return this.#replay;
  }

  /** Reads what others have written meanwhile. A last line without its end is left: somebody is writing it, or died doing so. */
  async sync(): Promise<void> {
    const handle = await open(this.#path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (handle === undefined) return this.#reset();
    try {
      const { size } = await handle.stat();
      if (size < this.#offset) this.#reset(); // Another file has taken its place.
      this.#apply(await readRange(handle, this.#offset, size));
    } finally {
      await handle.close();
    }
  }

  /**
   * Only for the holder of the lock, after `sync`. On the disk when the promise is resolved; if it is rejected, the file is as it was.
   */
  async append(lines: readonly object[]): Promise<void> {
    const text = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const { O_RDWR, O_CREAT, O_APPEND } = constants;
    const handle = await open(this.#path, O_RDWR | O_CREAT | O_APPEND, 0o666);
    try {
      await this.#repair(handle);
      try {
        await writeAll(handle, text);
        await handle.sync();
      } catch (error) {
        await handle.truncate(this.#offset).catch(() => undefined);
        throw error;
      }
    } finally {
      await handle.close();
    }
    if (this.#offset === 0) await syncFolder(dirname(this.#path));
    this.#apply(text);
  }

  /** Takes away the beginning of a line whose writer died. Optuna could not read the file any more with another line behind it. */
  async #repair(handle: FileHandle): Promise<void> {
    const { size } = await handle.stat();
    if (size === this.#offset) return;
    const rest = await readRange(handle, this.#offset, size);
    if (this.#offset === 0 && !'{"op_code":'.startsWith(rest.toString('latin1', 0, 11)))
      throw new LrdistError('ERR_STORAGE', `${this.#path} is not a journal`, {
        remedy: 'Give another path. The file was not changed.',
      });
    await handle.truncate(this.#offset);
  }

  #apply(bytes: Buffer): void {
    const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
    const texts = whole.toString('utf8').split('\n').slice(0, -1);
    const lines: Line[] = texts.map((text, i) => parseLine(text, this.#path, this.#lines + i + 1));
    for (const line of lines) this.#replay.apply(line);
    this.#offset += whole.length;
    this.#lines += lines.length;
  }

  #reset(): void {
    this.#replay = new Replay();
    this.#offset = 0;
    this.#lines = 0;
  }
}

async function readRange(handle: FileHandle, from: number, to: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.max(0, to - from));
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, from + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  let done = 0;
  while (done < bytes.length) done += (await handle.write(bytes, done)).bytesWritten;
}

/** So that a new file is still there after a loss of power. Not every system lets a folder be synced. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Nothing to be done about it.
  }
}
