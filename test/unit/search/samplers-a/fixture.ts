import { readFileSync } from 'node:fs';

/** What `make_fixtures.py` wrote. */
export function fixture<T>(name: string): T {
  const path = new URL(`fixtures/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { cases: T }).cases;
}
