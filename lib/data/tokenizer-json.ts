import { LrdistError } from '../errors.ts';
import type { TokenizerFiles, TokenizerSettings } from './tokenizer-files.ts';

/** A type, not an interface, so that its values have a type too. */
export type SpecialTokens = {
  readonly pad: string;
  readonly unk: string;
  readonly cls: string;
  readonly sep: string;
  readonly mask: string;
};

/** Names of the special tokens, BERT's own where the files say nothing. */
export function specialTokensOf(settings: TokenizerSettings): SpecialTokens {
  return {
    pad: settings.pad_token ?? '[PAD]',
    unk: settings.unk_token ?? '[UNK]',
    cls: settings.cls_token ?? '[CLS]',
    sep: settings.sep_token ?? '[SEP]',
    mask: settings.mask_token ?? '[MASK]',
  };
}

/**
 * The whole tokenizer as the text of a `tokenizer.json` without truncation and padding: the folder's own, with the normalizer following
 * `tokenizer_config.json` as transformers' BertTokenizer has it, or one built from `vocab.txt`.
 * @throws LrdistError ERR_TOKENIZER if the vocabulary lacks a special token that is needed.
 */
export function buildTokenizerJson(files: TokenizerFiles): string {
  const base = files.tokenizerJson ?? fromVocabulary(files);
  return JSON.stringify({
    ...base,
    truncation: null,
    padding: null,
    normalizer: normalizerOf(base['normalizer'], files.settings),
  });
}

function normalizerOf(own: unknown, settings: TokenizerSettings): unknown {
  const isBert = (own as { type?: string } | null | undefined)?.type === 'BertNormalizer';
  const follows = [undefined, null, 'BertTokenizer', 'BertTokenizerFast'].includes(settings.tokenizer_class);
  if (!isBert || !follows) return own;
  return {
    ...(own as object),
    ...(typeof settings.do_lower_case === 'boolean' && { lowercase: settings.do_lower_case }),
    ...(settings.strip_accents !== undefined && { strip_accents: settings.strip_accents }),
    ...(typeof settings.tokenize_chinese_chars === 'boolean' && {
      handle_chinese_chars: settings.tokenize_chinese_chars,
    }),
  };
}

function fromVocabulary(files: TokenizerFiles): Record<string, unknown> {
  // A token that occurs twice has its later id, as in Hugging Face's reader.
  const vocabulary = new Map(files.vocabulary!.map((name, id) => [name, id]));
  const special = specialTokensOf(files.settings);
  for (const name of [special.unk, special.cls, special.sep]) {
    if (!vocabulary.has(name) && files.added[name] === undefined) {
      throw new LrdistError('ERR_TOKENIZER', `vocab.txt has no token ${name}.`, {
        remedy: 'Check that vocab.txt belongs to the model, or name its special tokens in tokenizer_config.json.',
      });
    }
  }
  const idOf = (name: string) => vocabulary.get(name) ?? files.added[name];
  const names = [...new Set([...Object.values(special), ...Object.keys(files.added)])].filter(
    (name) => idOf(name) !== undefined,
  );
  const isSpecial = new Set<string>(Object.values(special));
  const added = names
    .map((content) => ({
      id: idOf(content)!,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: !isSpecial.has(content),
      special: isSpecial.has(content),
    }))
    .sort((x, y) => x.id - y.id);
  const piece = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const text = (id: 'A' | 'B', type_id: number) => ({ Sequence: { id, type_id } });
  const template = (name: string) => ({ id: name, ids: [idOf(name)], tokens: [name] });
  return {
    version: '1.0',
    added_tokens: added,
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [piece(special.cls, 0), text('A', 0), piece(special.sep, 0)],
      pair: [piece(special.cls, 0), text('A', 0), piece(special.sep, 0), text('B', 1), piece(special.sep, 1)],
      special_tokens: { [special.cls]: template(special.cls), [special.sep]: template(special.sep) },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: special.unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary),
    },
  };
}
