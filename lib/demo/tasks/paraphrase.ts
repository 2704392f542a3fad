import { drawClause, type Clause } from '../language/clause.ts';
import { topics } from '../language/lexicon.ts';
import { speak } from '../language/speak.ts';
import type { Random } from '../random.ts';
import type { DemoTask } from './task.ts';

/** The same in other words; a "happy" may become a "not sad". */
export function restate(clause: Clause, random: Random): Clause {
  const { opinion } = clause;
  if (random.chance(0.5)) return clause;
  return { ...clause, opinion: { ...opinion, praising: !opinion.praising, negated: !opinion.negated } };
}

type Change = (clause: Clause, random: Random) => Clause;

const changes: readonly Change[] = [
  (clause, random) => ({
    ...clause,
    subject: { ...clause.subject, concept: random.pickOther(topics[clause.topic]!.agents, clause.subject.concept) },
  }),
  (clause, random) => ({ ...clause, verb: random.pickOther(topics[clause.topic]!.verbs, clause.verb) }),
  (clause, random) => ({
    ...clause,
    object: { ...clause.object, concept: random.pickOther(topics[clause.topic]!.things, clause.object.concept) },
  }),
  (clause) => ({ ...clause, opinion: { ...clause.opinion, negated: !clause.opinion.negated } }),
];

/** Two things changed of four: who, what they do, what they do it to, and the opinion. */
function alter(clause: Clause, random: Random): Clause {
  return random
    .shuffle(changes)
    .slice(0, 2)
    .reduce((changed, change) => change(changed, random), clause);
}

/** Whether two sentences say the same. */
export const paraphrase: DemoTask = {
  name: 'paraphrase',
  description: 'whether two sentences say the same in other words',
  labels: ['different', 'same'],
  draw(label, random) {
    const clause = drawClause(random);
    const second = restate(label === 1 ? clause : alter(clause, random), random);
    return { texts: [speak(clause, random), speak(second, random)], label };
  },
};
