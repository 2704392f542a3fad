import type { NewTrial, StudyDefinition } from '../../../lib/search/storage/storage.ts';

export const definition: StudyDefinition = {
  name: 'one',
  directions: ['maximize', 'maximize'],
  objectives: ['p_s', 'p_o'],
  space: {
    rate: { kind: 'float', low: 1e-7, high: 1e-3, log: true },
    epochs: { kind: 'int', low: 1, high: 9 },
    shape: { kind: 'categorical', choices: ['flat', 'rising', true, 3] },
  },
  seed: 7,
  maxStep: 9,
  protocol: { model: 'tiny', rows: 4000, tasks: ['a', 'b'], nested: { x: null } },
};

export function point(i = 0): NewTrial {
  return { parameters: { rate: 1e-5 * (i + 1), epochs: 3, shape: 'flat' }, origin: 'sampled' };
}
