/** What an archive for a machine without network holds. Pure but for the lists of node_modules. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folders and files of the repository. */
export const sources = [
  'package.json',
  'CMakeLists.txt',
  'lib',
  'native',
  'bench',
  'scripts',
  'test/helpers',
  'test/native',
  'test/parity',
  'docs/performance.md',
] as const;

/** Not these among them: built here, or results of other machines. */
export const left = ['native/build', 'bench/results/curves'] as const;

/** Packages that the check loads, apart from what they depend on. */
const packages = [
  'zod',
  'tokenizers',
  'csv-parse',
  'hyparquet',
  'hyparquet-compressors',
  'jstat',
  'pure-rand',
  'simple-statistics',
  'ml-matrix',
  'yaml',
  'better-sqlite3',
  'kysely',
  'pg',
  'node-addon-api',
  'node-api-headers',
  'fast-check',
] as const;

/** GLUE's folders that the benchmark reads. */
export const tasks = ['MRPC', 'SST-2'] as const;

/** Of the tokenizer's model: no weights. */
export const tokenizerFiles = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'vocab.txt',
] as const;

/** Names of the packages and of all that they depend on, where they are installed. */
export function closure(modules: string, names: readonly string[] = packages): string[] {
  const found = new Set<string>();
  for (let queue = [...names]; queue.length > 0; ) {
    const name = queue.pop()!;
    const file = join(modules, name, 'package.json');
    if (found.has(name) || !existsSync(file)) continue;
    found.add(name);
    const { dependencies = {} } = JSON.parse(readFileSync(file, 'utf8')) as { dependencies?: Record<string, string> };
    queue.push(...Object.keys(dependencies));
  }
  return [...found].sort();
}

/** Whether a file of node_modules is of use: not binaries for other systems, sources of what is compiled, types and maps. */
export function isNeeded(path: string): boolean {
  if (/^tokenizers\/tokenizers\..*\.node$/.test(path)) return path.includes('linux-x64-gnu');
  if (/^better-sqlite3\/prebuilds\//.test(path)) return path.endsWith('/linux-x64.node');
  if (/^better-sqlite3\/(deps|src)\//.test(path)) return false;
  // Headers that the addon is compiled with stay.
  if (/^(node-addon-api|node-api-headers)\//.test(path)) return /\.(h|json)$/.test(path);
  return !/\.(map|md|markdown|ts|cts|mts|flow|tsbuildinfo)$|(^|\/)(test|tests|docs|example|examples)\//.test(path);
}
