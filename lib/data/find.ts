import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { LrdistError, nearest } from '../errors.ts';
import type { GlueTask, Split } from './glue.ts';
import { invalidData } from './table.ts';

export type Found =
  | { readonly format: 'tsv'; readonly file: string }
  | { readonly format: 'parquet'; readonly files: readonly string[] };

/**
 * Files of a GLUE split under a folder: the official `MRPC/train.tsv`, or Hugging Face's `glue/mrpc/train-00000-of-00001.parquet`, the
 * `glue` folder itself and the task's own folder being accepted as well. Folder names are compared without case and punctuation.
 * @throws LrdistError ERR_DATA_NOT_FOUND with what is there instead, ERR_DATA_INVALID for missing Parquet shards.
 */
export async function findGlue(dataDir: string, task: GlueTask, split: Split): Promise<Found> {
  const folders = await taskFolders(dataDir, task);
  for (const folder of folders) {
    const found = inFolder(folder, await list(folder), task, split);
    if (found !== undefined) return found;
  }
  const file = task.tsv.files[split];
  const has = (await Promise.all(folders.map((folder) => list(folder)))).flat();
  throw new LrdistError('ERR_DATA_NOT_FOUND', `The ${split} split of ${task.name} is not in ${folders.join(' or ')}.`, {
    remedy: `Expected ${file} or ${split}-00000-of-0000N.parquet there; found ${has.length === 0 ? 'nothing' : has.slice(0, 20).join(', ')}.`,
  });
}

async function taskFolders(dataDir: string, task: GlueTask): Promise<string[]> {
  const names = new Set([task.name, task.tsv.folder, ...(task.tsv.aliases ?? [])].map(bare));
  const entries = await list(dataDir, true);
  const roots = [dataDir, ...entries.filter((name) => bare(name) === 'glue').map((name) => join(dataDir, name))];
  const folders: string[] = names.has(bare(basename(resolve(dataDir)))) ? [dataDir] : [];
  const seen: string[] = [];
  for (const root of roots) {
    for (const name of root === dataDir ? entries : await list(root)) {
      seen.push(name);
      if (names.has(bare(name))) folders.push(join(root, name));
    }
  }
  if (folders.length > 0) return folders;
  const near = nearest(task.tsv.folder, seen) ?? nearest(task.name, seen);
  throw new LrdistError('ERR_DATA_NOT_FOUND', `${dataDir} has no folder ${task.tsv.folder} (or ${task.name}).`, {
    remedy:
      `${near === undefined ? '' : `The nearest name is ${near}. `}It holds: ${seen.length === 0 ? 'nothing' : seen.slice(0, 20).join(', ')}. ` +
      "Give the folder that holds GLUE's task folders.",
  });
}

function inFolder(folder: string, files: readonly string[], task: GlueTask, split: Split): Found | undefined {
  const tsv = task.tsv.files[split];
  if (tsv !== undefined) {
    const name =
      files.find((file) => file === tsv) ?? files.find((file) => task.name === 'ax' && /^ax\.tsv$/i.test(file));
    if (name !== undefined) return { format: 'tsv', file: join(folder, name) };
  }
  const shards = files
    .map((file) => ({ file, match: /^(.+)-(\d{5})-of-(\d{5})\.parquet$/.exec(file) }))
    .filter(({ match }) => match?.[1] === split)
    .sort((x, y) => (x.file < y.file ? -1 : 1));
  if (shards.length === 0) return undefined;
  const count = Number(shards[0]!.match![3]);
  if (
    shards.length !== count ||
    shards.some(({ match }, i) => Number(match![2]) !== i || Number(match![3]) !== count)
  ) {
    throw invalidData(
      folder,
      `expected ${count} Parquet files of ${split}, received ${shards.map(({ file }) => file).join(', ')}`,
      'Fetch the missing files.',
    );
  }
  return { format: 'parquet', files: shards.map(({ file }) => join(folder, file)) };
}

/** Names in a folder, sorted; nothing if there is none, unless it must be there. */
async function list(folder: string, needed = false): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (!needed) return [];
    const siblings = await list(dirname(resolve(folder)));
    const near = nearest(basename(folder), siblings);
    throw new LrdistError('ERR_DATA_NOT_FOUND', `There is no data folder ${folder}.`, {
      remedy:
        near === undefined
          ? "Give the folder that holds GLUE's task folders."
          : `Did you mean ${join(dirname(folder), near)}?`,
      cause: error,
    });
  }
}

/** `SST-2`, `sst2` and `SST_2` are the same name. */
function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}
