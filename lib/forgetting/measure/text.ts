/** Running text as rows for the masked-LM head. */
import { readTextFile } from '../../data/text.ts';
import type { Tokenizer } from '../../data/tokenizer.ts';
import { LrdistError } from '../../errors.ts';
import type { NativeMasking } from '../../native/boundary.ts';
import type { EncodedSplit } from '../../train/task.ts';

/**
 * Paragraphs of a text file, one a line. Blank lines and headings (`= Title =`) are left out, and what WikiText's tokenizer did is undone where BERT's would
 * read it wrongly: `<unk>` becomes `[UNK]`, and ` @-@ `, ` @.@ `, ` @,@ ` the character between the signs.
 *
 * @throws ERR_DATA_NOT_FOUND, ERR_DATA_INVALID, ERR_READ
 */
export async function readParagraphs(path: string, signal?: AbortSignal): Promise<string[]> {
  return paragraphsOf(await readTextFile(path, signal));
}

export function paragraphsOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^=.*=$/.test(line))
    .map((line) => line.replaceAll('<unk>', '[UNK]').replaceAll(/ @([-.,])@ /g, '$1'));
}

export interface TextOptions {
  /** Tokens of a row, special tokens counted. Default 128; never above the tokenizer's `maxLength`. */
  readonly maxLength?: number;
  /** Rows at most. Default: the whole text. */
  readonly maxRows?: number;
}

const encodedAtOnce = 500;

/**
 * Paragraphs joined and cut into rows of equal length, each between the tokenizer's special tokens, without labels. What is left at the end is dropped.
 *
 * @throws ERR_INVALID_OPTION if the text is too short for one row or `maxLength` leaves no room
 */
export async function encodeText(
  paragraphs: readonly string[],
  tokenizer: Tokenizer,
  { maxLength = 128, maxRows = Infinity }: TextOptions = {},
): Promise<EncodedSplit> {
  const length = Math.min(maxLength, tokenizer.maxLength);
  const { before, after, typeA } = tokenizer.templates.single;
  const room = length - before.ids.length - after.ids.length;
  if (!Number.isInteger(room) || room < 1)
    throw new LrdistError('ERR_INVALID_OPTION', `rows of ${length} tokens leave no room for text`);
  const ids: number[] = [];
  for (let at = 0; at < paragraphs.length && ids.length < room * maxRows; at += encodedAtOnce) {
    for (const part of await tokenizer.encodeTexts(paragraphs.slice(at, at + encodedAtOnce)))
      for (const id of part) ids.push(id);
  }
  const rows = Math.min(Math.floor(ids.length / room), maxRows);
  if (rows < 1)
    throw new LrdistError('ERR_INVALID_OPTION', `the text has ${ids.length} tokens, too few for a row of ${room}`, {
      remedy: 'Give a longer text, or shorter rows.',
    });
  const inputIds = new Int32Array(rows * length);
  const typeIds = new Uint8Array(rows * length);
  for (let r = 0; r < rows; r++) {
    const start = r * length;
    inputIds.set(before.ids, start);
    typeIds.set(before.types, start);
    const textAt = start + before.ids.length;
    inputIds.set(ids.slice(r * room, (r + 1) * room), textAt);
    typeIds.fill(typeA, textAt, textAt + room);
    inputIds.set(after.ids, textAt + room);
    typeIds.set(after.types, textAt + room);
  }
  const offsets = Int32Array.from({ length: rows + 1 }, (_, r) => r * length);
  return { inputIds, typeIds, offsets, labels: new Float32Array(rows).fill(NaN) };
}

/** BERT's masking: 15 % of the tokens (Devlin et al. 2019). @throws ERR_TOKENIZER if the vocabulary has no mask token */
export function maskingOf(tokenizer: Tokenizer, probability = 0.15): NativeMasking {
  const maskId = tokenizer.special.mask;
  if (maskId === undefined)
    throw new LrdistError('ERR_TOKENIZER', 'the tokenizer has no mask token, so there is no masked-LM loss', {
      remedy: 'Use the tokenizer of a model that was pretrained as a masked language model.',
    });
  return { probability, maskId, special: Int32Array.from(tokenizer.specialIds) };
}
