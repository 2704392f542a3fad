import type { Random } from '../random.ts';
import { adverbs, blame, functionWords, plain, praise, topics, type Concept } from './lexicon.ts';

export interface Phrase {
  readonly concept: Concept;
  readonly plural: boolean;
  readonly adjective?: Concept;
}

/** "… and they are not happy": about the subject. */
export interface Opinion {
  /** Index into praise and blame. */
  readonly index: number;
  readonly praising: boolean;
  readonly negated: boolean;
}

/** What a sentence says, before its words are chosen. */
export interface Clause {
  /** Index into topics: of the subject, the verb and the object. */
  readonly topic: number;
  readonly subject: Phrase;
  /** "the sailor *near the boats*": stands between the subject and its verb, of any topic and number. */
  readonly beside?: Phrase;
  readonly adverb?: Concept;
  readonly verb: Concept;
  readonly object: Phrase;
  readonly place?: Concept;
  readonly opinion: Opinion;
}

export function isPositive(opinion: Opinion): boolean {
  return opinion.praising !== opinion.negated;
}

function optional<K extends string, V>(key: K, random: Random, probability: number, value: () => V): { [P in K]?: V } {
  return random.chance(probability) ? ({ [key]: value() } as { [P in K]: V }) : {};
}

function drawOpinion(random: Random): Opinion {
  return { index: random.integer(0, praise.length - 1), praising: random.chance(0.5), negated: random.chance(0.3) };
}

/** An adjective inside a noun phrase; one in two carries an opinion of its own, which is not the sentence's. */
function drawAdjective(random: Random): Concept {
  if (random.chance(0.5)) return random.pick(plain);
  return random.pick(random.chance(0.5) ? praise : blame);
}

export function drawClause(random: Random): Clause {
  const topic = random.integer(0, topics.length - 1);
  const { agents, things, verbs } = topics[topic]!;
  const phrase = (concept: Concept, adjectives: number): Phrase => ({
    concept,
    plural: random.chance(0.5),
    ...optional('adjective', random, adjectives, () => drawAdjective(random)),
  });
  return {
    topic,
    subject: phrase(random.pick(agents), 0.4),
    ...optional('beside', random, 0.5, () => phrase(random.pick(random.pick(topics).things), 0)),
    ...optional('adverb', random, 0.3, () => random.pick(adverbs)),
    verb: random.pick(verbs),
    object: phrase(random.pick(things), 0.3),
    ...optional('place', random, 0.4, () => random.pick(random.pick(topics).places)),
    opinion: drawOpinion(random),
  };
}

/** The words of the function-word classes, for the vocabulary. */
export const smallWords: readonly string[] = [
  ...functionWords.determiners.singular,
  ...functionWords.determiners.plural,
  ...functionWords.prepositions,
  ...functionWords.places,
  ...Object.values(functionWords.pronoun),
  ...Object.values(functionWords.be),
  ...Object.values(functionWords.seem),
  ...functionWords.negations,
  ...functionWords.therefore,
  ...functionWords.joiners,
  ...functionWords.punctuation,
];
