import type { Random } from '../random.ts';
import { isPositive, type Clause, type Opinion, type Phrase } from './clause.ts';
import { noun, verb } from './inflect.ts';
import { blame, functionWords, praise, verdicts } from './lexicon.ts';

function sayPhrase(phrase: Phrase, random: Random): string[] {
  const determiners = phrase.plural ? functionWords.determiners.plural : functionWords.determiners.singular;
  return [
    random.pick<string>(determiners),
    ...(phrase.adjective === undefined ? [] : [random.pick(phrase.adjective)]),
    noun(random.pick(phrase.concept), phrase.plural),
  ];
}

function sayOpinion(opinion: Opinion, plural: boolean, random: Random): string[] {
  const number = plural ? 'plural' : 'singular';
  const copula = random.pick([functionWords.be, functionWords.seem])[number];
  return [
    random.pick<string>(functionWords.joiners),
    functionWords.pronoun[number],
    copula,
    ...(opinion.negated ? [random.pick<string>(functionWords.negations)] : []),
    random.pick((opinion.praising ? praise : blame)[opinion.index]!),
  ];
}

/** ", so we thank them": follows from the opinion. */
function sayVerdict(opinion: Opinion, plural: boolean, random: Random): string[] {
  return [
    ',',
    'so',
    'we',
    random.pick(random.pick(isPositive(opinion) ? verdicts.good : verdicts.bad)),
    plural ? 'them' : 'it',
  ];
}

export interface SpeakOptions {
  /** false puts the verb in the wrong number. Default true. */
  readonly agree?: boolean;
  /** Adds what "we" do about it, which gives the opinion away. Default false. */
  readonly verdict?: boolean;
}

/** The words of a sentence. Synonyms, determiners and joining words are drawn, so two calls say the same in other words. */
export function speak(clause: Clause, random: Random, { agree = true, verdict = false }: SpeakOptions = {}): string {
  const { subject, beside, adverb, object, place, opinion } = clause;
  const words = [
    ...sayPhrase(subject, random),
    ...(beside === undefined ? [] : [random.pick<string>(functionWords.prepositions), ...sayPhrase(beside, random)]),
    ...(adverb === undefined ? [] : [random.pick(adverb)]),
    verb(random.pick(clause.verb), agree ? subject.plural : !subject.plural),
    ...sayPhrase(object, random),
    ...(place === undefined ? [] : [random.pick<string>(functionWords.places), 'the', random.pick(place)]),
    ',',
    ...sayOpinion(opinion, subject.plural, random),
    ...(verdict ? sayVerdict(opinion, subject.plural, random) : []),
    '.',
  ];
  return words.join(' ');
}
