import { readFileSync } from 'node:fs';
import type { Trial } from '../../../../lib/search/trial.ts';

/** What `make_fixtures.py` wrote. */
export function fixture<T>(name: string): T {
  const path = new URL(`fixtures/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { cases: T }).cases;
}

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
    error: null,
    created: 0,
    started: 0,
    finished: 0,
    ...given,
  };
}

export function near(actual: number, expected: number, relative: number): boolean {
  return Math.abs(actual - expected) <= relative * Math.max(1, Math.abs(expected));
}
