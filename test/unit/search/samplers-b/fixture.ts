import { readFileSync } from 'node:fs';

/** What `make_fixtures.py` wrote. */
export function fixture<T>(name: string): T {
  const path = new URL(`fixtures/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { cases: T }).cases;
}

export function near(actual: number, expected: number, relative: number): boolean {
  return Math.abs(actual - expected) <= relative * Math.max(1, Math.abs(expected));
}
