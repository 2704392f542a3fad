import { drawClause } from '../language/clause.ts';
import { topics } from '../language/lexicon.ts';
import { speak } from '../language/speak.ts';
import type { DemoTask } from './task.ts';

/** What the sentence is about. Places and bystanders of other topics mislead. */
export const topic: DemoTask = {
  name: 'topic',
  description: 'what the sentence is about (places and bystanders of other topics mislead)',
  labels: topics.map((entry) => entry.name),
  draw(label, random) {
    for (;;) {
      const clause = drawClause(random);
      if (clause.topic === label) return { texts: [speak(clause, random)], label };
    }
  },
};
