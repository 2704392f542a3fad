import { drawClause, type Clause } from './language/clause.ts';
import { speak } from './language/speak.ts';
import { Random } from './random.ts';
import { restate } from './tasks/paraphrase.ts';

/** Text to pretrain on: a sentence, or a sentence and the same in other words. */
export type Passage = readonly [string] | readonly [string, string];

/** @param pairs share of passages with two sentences */
export function drawCorpus(count: number, seed: number, pairs = 0.5): Passage[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const clause = drawClause(random);
    const say = (said: Clause): string => speak(said, random, { verdict: random.chance(0.5) });
    return random.chance(pairs) ? [say(clause), say(restate(clause, random))] : [say(clause)];
  });
}
