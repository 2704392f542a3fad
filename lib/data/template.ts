import { LrdistError } from '../errors.ts';
import type { NativeTokenizer } from './tokenizers-native.ts';

/** Special tokens that stand at one place, with their segment ids. */
export interface Piece {
  readonly ids: readonly number[];
  readonly types: readonly number[];
}

/** What a tokenizer puts around one text or a pair: `before` a `between` b `after`; `between` is empty for one text. */
export interface Template {
  readonly before: Piece;
  readonly between: Piece;
  readonly after: Piece;
  readonly typeA: number;
  readonly typeB: number;
}

/** Finds the templates by encoding one-letter texts with and without special tokens. */
export async function templatesOf(tokenizer: NativeTokenizer): Promise<{ single: Template; pair: Template }> {
  const a = await plainIds(tokenizer, 'a');
  const b = await plainIds(tokenizer, 'b');
  const single = await tokenizer.encode('a');
  const pair = await tokenizer.encode('a', 'b');
  return {
    single: split(single.getIds(), single.getTypeIds(), a, []),
    pair: split(pair.getIds(), pair.getTypeIds(), a, b),
  };
}

async function plainIds(tokenizer: NativeTokenizer, text: string): Promise<number[]> {
  return (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds();
}

function split(ids: readonly number[], types: readonly number[], a: readonly number[], b: readonly number[]): Template {
  const startA = find(ids, a, 0);
  const endA = startA + a.length;
  const startB = b.length === 0 ? endA : find(ids, b, endA);
  const endB = startB + b.length;
  const piece = (from: number, to: number): Piece => ({ ids: ids.slice(from, to), types: types.slice(from, to) });
  return {
    before: piece(0, startA),
    between: piece(endA, startB),
    after: piece(endB, ids.length),
    typeA: types[startA]!,
    typeB: types[startB] ?? 0,
  };
}

function find(ids: readonly number[], part: readonly number[], from: number): number {
  for (let i = from; i + part.length <= ids.length; i++) {
    if (part.length > 0 && part.every((id, j) => ids[i + j] === id)) return i;
  }
  throw new LrdistError('ERR_TOKENIZER', 'The tokenizer does not keep texts in one piece, so pairs cannot be built.', {
    remedy: 'Use a BERT-style WordPiece tokenizer.',
  });
}
