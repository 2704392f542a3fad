import { setImmediate } from 'node:timers/promises';
import { LrdistError } from '../errors.ts';
import type { NativeRagged } from '../native/boundary.ts';
import { cached } from './cache.ts';
import type { Row } from './rows.ts';
import { longestFirst } from './truncation.ts';
import type { Piece } from './template.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Token ids of many rows, one after the other: what a session's `addDataset` takes. Row r is `offsets[r] .. offsets[r + 1]`. */
export type RaggedDataset = NativeRagged;

export interface EncodeOptions {
  /** Longest row in tokens, special tokens counted. Default 128; never above the tokenizer's `maxLength`. */
  readonly maxLength?: number;
  /** Cache folder; false = no cache. Default: `tokens` in `LRDIST_CACHE` or the user's cache folder. */
  readonly cache?: string | false;
  /** Make the cache file anew (Hugging Face's `--overwrite_cache`). */
  readonly overwriteCache?: boolean;
  /** Told when the cache cannot be read or written; the rows are encoded all the same. */
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Rows as token ids, with the special tokens, segment ids and longest-first truncation of Hugging Face's tokenizers.
 * @throws LrdistError ERR_INVALID_OPTION if `maxLength` leaves no room for a token.
 */
export async function encodeRows(
  rows: readonly Row[],
  tokenizer: Tokenizer,
  options: EncodeOptions = {},
): Promise<RaggedDataset> {
  const maxLength = Math.min(options.maxLength ?? 128, tokenizer.maxLength);
  const { single, pair } = tokenizer.templates;
  const least =
    Math.max(...[single, pair].map((t) => t.before.ids.length + t.between.ids.length + t.after.ids.length)) + 1;
  if (!Number.isInteger(maxLength) || maxLength < least) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `max_seq_length must be a whole number of at least ${least}, not ${maxLength}.`,
      {
        remedy: 'The usual values are 128 and 512.',
      },
    );
  }
  return cached(rows, tokenizer.fingerprint, maxLength, options, () =>
    encode(rows, tokenizer, maxLength, options.signal),
  );
}

async function encode(
  rows: readonly Row[],
  tokenizer: Tokenizer,
  maxLength: number,
  signal: AbortSignal | undefined,
): Promise<RaggedDataset> {
  const idsOf = await encodeDistinct(rows, tokenizer, signal);
  const kept = rows.map((row) => keep(row, idsOf, tokenizer, maxLength));
  const offsets = new Int32Array(rows.length + 1);
  for (const [r, { length }] of kept.entries()) offsets[r + 1] = offsets[r]! + length;
  const inputIds = new Int32Array(offsets[rows.length]!);
  const typeIds = new Uint8Array(inputIds.length);
  const fromLeft = tokenizer.truncationSide === 'left';
  for (const [r, row] of rows.entries()) {
    const template = row.b === undefined ? tokenizer.templates.single : tokenizer.templates.pair;
    let at = offsets[r]!;
    const putPiece = (piece: Piece) => {
      inputIds.set(piece.ids, at);
      typeIds.set(piece.types, at);
      at += piece.ids.length;
    };
    const putText = (ids: Int32Array, count: number, type: number) => {
      inputIds.set(fromLeft ? ids.subarray(ids.length - count) : ids.subarray(0, count), at);
      typeIds.fill(type, at, at + count);
      at += count;
    };
    putPiece(template.before);
    putText(idsOf.get(row.a)!, kept[r]!.a, template.typeA);
    putPiece(template.between);
    if (row.b !== undefined) putText(idsOf.get(row.b)!, kept[r]!.b, template.typeB);
    putPiece(template.after);
  }
  return { inputIds, typeIds, offsets, labels: Float32Array.from(rows, (row) => row.label) };
}

/** Token ids of every distinct text: MNLI and QQP repeat theirs. */
async function encodeDistinct(
  rows: readonly Row[],
  tokenizer: Tokenizer,
  signal: AbortSignal | undefined,
): Promise<Map<string, Int32Array>> {
  const texts = [...new Set(rows.flatMap((row) => (row.b === undefined ? [row.a] : [row.a, row.b])))];
  const idsOf = new Map<string, Int32Array>();
  const batch = 1000;
  for (let start = 0; start < texts.length; start += batch) {
    signal?.throwIfAborted();
    const part = texts.slice(start, start + batch);
    const ids = await tokenizer.encodeTexts(part);
    for (const [i, text] of part.entries()) idsOf.set(text, ids[i]!);
    await setImmediate();
  }
  return idsOf;
}

function keep(row: Row, idsOf: ReadonlyMap<string, Int32Array>, tokenizer: Tokenizer, maxLength: number) {
  const { before, between, after } = row.b === undefined ? tokenizer.templates.single : tokenizer.templates.pair;
  const special = before.ids.length + between.ids.length + after.ids.length;
  const lengthB = row.b === undefined ? 0 : idsOf.get(row.b)!.length;
  const [a, b] = longestFirst(idsOf.get(row.a)!.length, lengthB, maxLength - special);
  return { a, b, length: special + a + b };
}
