/**
 * The safetensors format: 8 bytes with the header's length (little-endian), a JSON header, then the tensors' bytes. Offsets in the header count
 * from the header's end. Only headers pass through here; the engine reads and writes the bytes.
 */
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { readFailed } from './files.ts';

/** The format's reference reader refuses longer headers. */
export const maxHeaderBytes = 100_000_000;

/** Bytes of one element. */
export const dtypeBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;
export type DType = keyof typeof dtypeBytes;

export interface TensorEntry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Absolute position in the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
});
const metadataSchema = z.record(z.string(), z.string());

const remedy = 'The file is damaged or incomplete: download or export it again.';

function broken(path: string, what: string): LrdistError {
  return new LrdistError('ERR_SAFETENSORS', `${path}: ${what}`, { remedy });
}

/** Reads and checks a file's header. @throws ERR_SAFETENSORS, ERR_READ */
export async function readHeader(path: string): Promise<SafetensorsHeader> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw readFailed(path, error);
  }
  try {
    const size = (await file.stat()).size;
    const length = headerLength(path, (await file.read(Buffer.alloc(8), 0, 8, 0)).buffer, size);
    const text = Buffer.alloc(length);
    await file.read(text, 0, length, 8);
    return parseHeader(path, text, size);
  } catch (error) {
    throw error instanceof LrdistError ? error : readFailed(path, error);
  } finally {
    await file.close();
  }
}

function headerLength(path: string, first: Uint8Array, fileSize: number): number {
  if (fileSize < 8) throw broken(path, `is ${fileSize} bytes long, too short for a safetensors file`);
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes))
    throw broken(path, `says its header has ${length} bytes; at most ${maxHeaderBytes} are allowed`);
  if (length > BigInt(fileSize - 8))
    throw broken(path, `ends inside its header (${length} bytes announced, ${fileSize - 8} there)`);
  return Number(length);
}

/** Checks a header's text against the file's size. `text` is what follows the 8 length bytes. */
export function parseHeader(path: string, text: Uint8Array, fileSize: number): SafetensorsHeader {
  const dataStart = 8 + text.length;
  let source: string;
  try {
    source = new TextDecoder('utf-8', { fatal: true }).decode(text);
  } catch {
    throw broken(path, 'has a header that is not UTF-8');
  }
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch (error) {
    throw broken(path, `has a header that is not JSON (${(error as Error).message})`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw broken(path, 'has a header that is not a JSON object');
  const twice = duplicateKey(source);
  if (twice !== undefined) throw broken(path, `names the tensor "${twice}" twice`);

  let metadata: Record<string, string> = {};
  const tensors = new Map<string, TensorEntry>();
  const spans: { name: string; begin: number; end: number }[] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') {
      const parsed = metadataSchema.safeParse(value);
      if (!parsed.success) throw broken(path, 'has a __metadata__ that is not an object of strings');
      metadata = parsed.data;
      continue;
    }
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) throw broken(path, `tensor "${name}": ${z.prettifyError(parsed.error)}`);
    const {
      dtype,
      shape,
      data_offsets: [begin, end],
    } = parsed.data;
    if (!Object.hasOwn(dtypeBytes, dtype)) throw broken(path, `tensor "${name}" has the unknown type ${dtype}`);
    const bytes = shape.reduce((product, n) => product * n, dtypeBytes[dtype as DType]);
    if (end < begin || end - begin !== bytes) {
      throw broken(
        path,
        `tensor "${name}" (${dtype} [${shape.join(', ')}]) needs ${bytes} bytes but lies at ${begin} to ${end}`,
      );
    }
    if (dataStart + end > fileSize)
      throw broken(path, `tensor "${name}" ends at byte ${dataStart + end} of a file of ${fileSize}`);
    tensors.set(name, { dtype: dtype as DType, shape, offset: dataStart + begin, bytes });
    spans.push({ name, begin, end });
  }
  checkSpans(path, spans, fileSize - dataStart);
  return { metadata, tensors };
}

/** As the reference reader has it: the tensors fill the data without overlap, hole or rest. */
function checkSpans(path: string, spans: { name: string; begin: number; end: number }[], dataBytes: number): void {
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of spans) {
    if (begin < at) throw broken(path, `tensor "${name}" overlaps the one before it`);
    if (begin > at) throw broken(path, `has ${begin - at} bytes that belong to no tensor before "${name}"`);
    at = end;
  }
  if (at !== dataBytes) throw broken(path, `has ${dataBytes - at} bytes after its last tensor`);
}

/**
 * The first key that occurs twice in the JSON object, or undefined. JSON.parse keeps the last silently, so the text is walked: a string is a key
 * of the outer object when it stands at depth 1 where a key may stand.
 */
function duplicateKey(source: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let keyNext = false;
  for (let i = 0; i < source.length; i++) {
    const c = source[i]!;
    if (c === '"') {
      const start = i++;
      while (source[i] !== '"') i += source[i] === '\\' ? 2 : 1;
      if (depth === 1 && keyNext) {
        const key = JSON.parse(source.slice(start, i + 1)) as string;
        if (seen.has(key)) return key;
        seen.add(key);
        keyNext = false;
      }
    } else if (c === '{' || c === '[') {
      depth++;
      if (depth === 1) keyNext = true;
    } else if (c === '}' || c === ']') depth--;
    else if (c === ',' && depth === 1) keyNext = true;
  }
  return undefined;
}

/** A tensor to write; its bytes follow in the same order. */
export interface PlannedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** The JSON header for tensors written one after the other, padded so that the data starts at a multiple of 8. */
export function makeHeader(tensors: readonly PlannedTensor[], metadata: Readonly<Record<string, string>>): string {
  const entries: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  for (const { name, dtype, shape } of tensors) {
    const bytes = shape.reduce((product, n) => product * n, dtypeBytes[dtype]);
    entries[name] = { dtype, shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const text = JSON.stringify(entries);
  return text + ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8);
}
