import { createRequire } from 'node:module';
import { LrdistError } from '../errors.ts';

/** What is used of the `tokenizers` package, whose own type declarations do not compile. */
export interface NativeTokenizers {
  readonly Tokenizer: { fromString(json: string): NativeTokenizer };
}

export interface NativeTokenizer {
  encode(text: string, pair?: string | null, options?: { addSpecialTokens?: boolean }): Promise<NativeEncoding>;
  /** Single texts only: pairs are refused by version 0.23. */
  encodeBatch(texts: readonly string[], options?: { addSpecialTokens?: boolean }): Promise<NativeEncoding[]>;
  getVocab(withAddedTokens: boolean): Record<string, number>;
  setTruncation(maxLength: number): void;
}

export interface NativeEncoding {
  getIds(): number[];
  getTypeIds(): number[];
}

/** @throws LrdistError ERR_TOKENIZER if the package has no binary for this platform. */
export function nativeTokenizers(): NativeTokenizers {
  try {
    return createRequire(import.meta.url)('tokenizers') as NativeTokenizers;
  } catch (error) {
    throw new LrdistError('ERR_TOKENIZER', 'The tokenizers package does not load.', {
      remedy: `Run npm ci again; it has binaries for Linux, macOS and Windows on x64 and arm64, this is ${process.platform} ${process.arch}.`,
      cause: error,
    });
  }
}
