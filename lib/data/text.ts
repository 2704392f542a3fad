import { isUtf8 } from 'node:buffer';
import { invalidData, readDataFile } from './table.ts';

/**
 * The text of a data file, which must be UTF-8 and hold something. A byte order mark is dropped.
 * @throws LrdistError ERR_DATA_INVALID (with the line of the first broken byte), ERR_DATA_NOT_FOUND, ERR_READ.
 */
export async function readTextFile(path: string, signal?: AbortSignal): Promise<string> {
  const bytes = await readDataFile(path, signal);
  if (bytes.length === 0) throw invalidData(path, 'the file is empty', 'Fetch or write the file again.');
  if (!isUtf8(bytes)) {
    throw invalidData(
      `${path}:${firstBrokenLine(bytes)}`,
      'not UTF-8 text',
      'Convert the file to UTF-8, or unpack it if it is an archive.',
    );
  }
  const text = bytes.toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function firstBrokenLine(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (!isUtf8(bytes.subarray(start, end < 0 ? bytes.length : end))) break;
    if (end < 0) break;
    start = end + 1;
  }
  return line;
}
