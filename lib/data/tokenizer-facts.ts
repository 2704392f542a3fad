/** What lrdist asks of a tokenizer besides ids, as a small file of the cache. */
import { createHash } from 'node:crypto';
import type { Codec } from './cache.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface TokenizerFacts
  extends Pick<Tokenizer, 'vocabSize' | 'special' | 'templates' | 'truncationSide' | 'fingerprint'> {
  /** `model_max_length`, if the files name one. */
  readonly maxLength: number | null;
}

/** Two lines: the SHA-256 of the second, and JSON. */
export const factsCodec: Codec<TokenizerFacts> = {
  extension: 'json',
  encode: (facts) => {
    const text = `${JSON.stringify(facts)}\n`;
    return Buffer.from(`${digest(text)}\n${text}`);
  },
  decode: (bytes) => {
    const [sum = '', text = ''] = bytes.toString('utf8').split(/\n(.*)/s);
    return sum === digest(text) ? (JSON.parse(text) as TokenizerFacts) : undefined;
  },
};

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
