/** The distributions of `train` in parts, where there is no memory for all of them side by side: a session for each part. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RateDistribution } from '../../rates/distribution.ts';
import { exists, writeJson } from '../../train/files.ts';
import type { Metrics } from '../../train/results.ts';

/** Names of the distributions that train side by side, part by part. */
const schema = z.object({ parts: z.array(z.array(z.string()).min(1)).min(1) });

const fileOf = (outputDir: string): string => join(outputDir, 'parts.json');

/** The parts of an interrupted run of the same distributions, as their sizes. */
export async function storedParts(
  outputDir: string | undefined,
  distributions: readonly RateDistribution[],
): Promise<readonly number[] | undefined> {
  if (outputDir === undefined) return undefined;
  const text = await readFile(fileOf(outputDir), 'utf8').catch(() => '{}');
  const stored = schema.safeParse(parsed(text)).data?.parts;
  if (stored === undefined || stored.flat().join('\n') !== distributions.map(({ name }) => name).join('\n'))
    return undefined;
  return stored.map(({ length }) => length);
}

/** Keeps how far the distributions are cut up: those that are done, then `size` at a time. @returns the sizes */
export async function storeParts(
  outputDir: string | undefined,
  distributions: readonly RateDistribution[],
  done: readonly number[],
  size: number,
): Promise<readonly number[]> {
  const sizes = [...done];
  let left = distributions.length - done.reduce((sum, each) => sum + each, 0);
  for (; left > 0; left -= sizes.at(-1)!) sizes.push(Math.min(size, left));
  if (outputDir === undefined) return sizes;
  const names = distributions.map(({ name }) => name);
  let from = 0;
  const parts = sizes.map((each) => names.slice(from, (from += each)));
  await writeJson(fileOf(outputDir), { parts });
  return sizes;
}

/** Whether a run in parts was interrupted here. */
export function hasParts(outputDir: string): Promise<boolean> {
  return exists(fileOf(outputDir));
}

/** All parts are done. */
export async function forgetParts(outputDir: string | undefined): Promise<void> {
  if (outputDir !== undefined) await rm(fileOf(outputDir), { force: true });
}

/** With the checkpoints of all parts. */
export async function removeParts(outputDir: string): Promise<void> {
  await forgetParts(outputDir);
  for (const name of await readdir(outputDir))
    if (/^part-\d+-of-\d+$/.test(name)) await rm(join(outputDir, name), { recursive: true, force: true });
}

/** Where a part's checkpoints are: of all at once in the output folder itself. */
export function partFolder(outputDir: string, sizes: readonly number[], part: number): string {
  return sizes.length === 1 ? outputDir : join(outputDir, `part-${part + 1}-of-${sizes.length}`);
}

/** Results of replicas that an earlier run has finished, by their folders; undefined if one of them has none. */
export async function finishedReplicas(folders: readonly string[]): Promise<readonly Metrics[] | undefined> {
  const results: Metrics[] = [];
  for (const folder of folders) {
    const file = join(folder, 'all_results.json');
    if (!(await exists(file))) return undefined;
    results.push(JSON.parse(await readFile(file, 'utf8')) as Metrics);
  }
  return results;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
