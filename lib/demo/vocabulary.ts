import { smallWords } from './language/clause.ts';
import { noun, verb } from './language/inflect.ts';
import { adverbs, blame, plain, praise, topics, verdicts } from './language/lexicon.ts';

export const specialTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

/** Every word of the language, once, in a fixed order. */
export function words(): string[] {
  const all = new Set<string>(smallWords);
  for (const topic of topics) {
    for (const concept of [...topic.agents, ...topic.things]) {
      for (const word of concept) all.add(noun(word, false)).add(noun(word, true));
    }
    for (const word of topic.places.flat()) all.add(word);
    for (const word of topic.verbs.flat()) all.add(verb(word, false)).add(verb(word, true));
  }
  for (const word of [...praise, ...blame, ...verdicts.good, ...verdicts.bad, ...plain, ...adverbs].flat())
    all.add(word);
  return [...all];
}

/** The lines of vocab.txt: whole words, so each word of the language is one token. */
export function vocabulary(): string[] {
  return [...specialTokens, ...words()];
}
