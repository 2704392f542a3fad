/** Options of `lrdist shift` beyond two tasks and plain training. */
import type { Options } from 'yargs';

export const sequenceOptions = {
  penalty: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'none',
    describe:
      'penalties and baselines to combine with every distribution, as none,ewc,l2-sp@0.1,replay@200: docs/forgetting.md lists them',
  },
  penalty_rows: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '1000',
    describe: 'rows that Fisher information is taken from',
  },
  penalty_labels: {
    type: 'string',
    requiresArg: true,
    choices: ['data', 'model'],
    defaultDescription: 'data',
    describe: "labels that Fisher information is taken with: the rows' own, or drawn from the model's predictions",
  },
  text_file: {
    type: 'string',
    requiresArg: true,
    describe: 'running text, a paragraph a line: for ewc-pretrained and the measure masked_lm',
  },
  retrain_head: {
    type: 'boolean',
    describe:
      'train the language-model head on --text_file first, on rows that are not measured: for a checkpoint without one, or with one made for something else',
  },
  shift: {
    type: 'string',
    requiresArg: true,
    choices: ['task', 'length', 'embedding'],
    defaultDescription: 'task',
    describe: 'task: from task to task; length, embedding: from one half of one task to the other, with the same head',
  },
  same_head: { type: 'boolean', describe: 'one head for all tasks, which must have the same labels' },
  orders: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'given',
    describe: 'orders of the tasks: given, all, or how many, drawn by the first seed',
  },
  zero_shot: { type: 'boolean', describe: 'also score tasks before they are learned (forward transfer)' },
  reference: { type: 'boolean', describe: 'also learn each task alone (intransigence)' },
  protocol: {
    type: 'string',
    requiresArg: true,
    choices: ['paper'],
    describe: "paper: the published code's habits where nothing else is given (docs/forgetting.md)",
  },
  measure: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'none',
    describe: 'what to measure within stages: all, or some of drift, conflict, similarity, probe, masked_lm',
  },
} as const satisfies Record<string, Options>;
