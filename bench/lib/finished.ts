import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { runSide, type Side } from './side.ts';

/** Result of a side from a file, or by running it: a long comparison can be stopped and continued. */
export async function finished(path: string, side: Side): Promise<Record<string, unknown>> {
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const document = await runSide(side);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, JSON.stringify(document));
  renameSync(`${path}.tmp`, path);
  return document;
}
