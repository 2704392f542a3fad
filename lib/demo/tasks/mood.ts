import { drawClause } from '../language/clause.ts';
import { speak } from '../language/speak.ts';
import type { DemoTask } from './task.ts';

/** Whether the closing opinion is good: "not gentle" is not. Praise or blame elsewhere in the sentence does not count. */
export const mood: DemoTask = {
  name: 'mood',
  description: 'whether the closing opinion is good, negations counted',
  labels: ['bad', 'good'],
  draw(label, random) {
    const clause = drawClause(random);
    const { negated } = clause.opinion;
    const opinion = { ...clause.opinion, praising: negated !== (label === 1) };
    return { texts: [speak({ ...clause, opinion }, random)], label };
  },
};
