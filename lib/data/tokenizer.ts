export interface TokenizerOptions {
  /** `vocab_size` of the model; an id at or above it is ERR_TOKENIZER. */
  readonly vocabSize?: number;
  /** `max_position_embeddings` of the model: bounds `maxLength`. */
  readonly maxPositions?: number;
}
/** A model folder's tokenizer, with the same ids as Hugging Face's. */
export interface Tokenizer {
  /** Number of ids, added tokens counted. */
  readonly vocabSize: number;
  /** Longest input in tokens: `model_max_length`, bounded by the model's positions. */
  readonly maxLength: number;
  /** Ids of the special tokens by role; undefined where the tokenizer has none. */
  readonly special: { readonly pad?: number; readonly unk?: number; readonly cls?: number; readonly sep?: number; readonly mask?: number };
  /** All special ids, ascending: never masked in masked-LM training. */
  readonly specialIds: readonly number[];
  /** SHA-256 of everything that decides the ids. */
  readonly fingerprint: string;
  /** Token ids of each text without special tokens, not truncated. */
  encodeTexts(texts: readonly string[]): Promise<Int32Array[]>;
}
export declare function openTokenizer(folder: string, options?: TokenizerOptions): Promise<Tokenizer>;
