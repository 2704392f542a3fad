import type { Trial } from '../../lib/search/trial.ts';

/** A complete sampled trial, but for what is given. */
export function trial(given: Partial<Trial> & Pick<Trial, 'number' | 'parameters'>): Trial {
  return {
    state: 'complete',
    origin: 'sampled',
    values: [0],
    constraints: null,
    reports: [],
    attributes: {},
    attempt: 1,
    lost: 0,
    error: null,
    created: 0,
    started: 0,
    finished: 0,
    ...given,
  };
}
