import type { NativeRagged } from '../native/boundary.ts';
import type { Rows } from './rows.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Token ids of many rows, one after the other: what a session's `addDataset` takes. Row r is `offsets[r] .. offsets[r + 1]`. */
export type RaggedDataset = NativeRagged;

export interface EncodeOptions {
  /** Longest row in tokens, special tokens counted. Default 128, never above the tokenizer's `maxLength`. */
  readonly maxLength?: number;
  /** Cache folder; false = no cache. Default: `LRDIST_CACHE` or the user's cache folder. */
  readonly cache?: string | false;
  /** Make the cache file anew (Hugging Face's `--overwrite_cache`). */
  readonly overwriteCache?: boolean;
  readonly signal?: AbortSignal;
}
export declare function encodeRows(rows: Rows['rows'], tokenizer: Tokenizer, options?: EncodeOptions): Promise<RaggedDataset>;
