import { drawClause } from '../language/clause.ts';
import { speak } from '../language/speak.ts';
import type { DemoTask } from './task.ts';

/** Whether the verb has the number of its subject; a noun of another number may stand between them. */
export const agreement: DemoTask = {
  name: 'agreement',
  description: 'whether the verb agrees with its subject',
  labels: ['wrong', 'right'],
  draw(label, random) {
    return { texts: [speak(drawClause(random), random, { agree: label === 1 })], label };
  },
};
