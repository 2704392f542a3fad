/** A made-up task that a tiny BERT can learn: whether a sentence says good or bad. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '../../lib/random.ts';
import { computeMetrics } from '../../lib/metrics/glue.ts';
import type { EncodedSplit, Task } from '../../lib/train/task.ts';
import { tinyWords } from './tiny-bert.ts';

export function tinyRows(count: number, seed: number): { text: string; label: number }[] {
  const random = createRandom(seed);
  const word = (list: readonly string[]): string => list[random.int(list.length)]!;
  return Array.from({ length: count }, () => {
    const label = random.int(2);
    const filler = Array.from({ length: random.int(4) }, () => word(['a', 'b', 'c', 'd', 'very', 'and']));
    return {
      text: ['the', 'film', 'was', ...filler, word(label === 1 ? ['good', 'fine'] : ['bad', 'poor']), '.'].join(' '),
      label,
    };
  });
}

export function tinySplit(count: number, seed: number): EncodedSplit {
  const rows = tinyRows(count, seed);
  const ids = rows.map(({ text }) => [2, ...text.split(' ').map((word) => tinyWords.indexOf(word)), 3]);
  const offsets = new Int32Array(count + 1);
  for (const [r, row] of ids.entries()) offsets[r + 1] = offsets[r]! + row.length;
  const inputIds = Int32Array.from(ids.flat());
  return {
    inputIds,
    typeIds: new Uint8Array(inputIds.length),
    offsets,
    labels: Float32Array.from(rows, ({ label }) => label),
  };
}

export function tinyTask(options: { name?: string; train?: number; validation?: number; seed?: number } = {}): Task {
  const { name = 'tiny', train = 40, validation = 20, seed = 7 } = options;
  return {
    name,
    labels: ['negative', 'positive'],
    splits: { train: tinySplit(train, seed), validation: tinySplit(validation, seed + 1) },
    score: (predictions, labels) => computeMetrics(['accuracy'], predictions, labels),
    mainMetric: 'accuracy',
    chance: 0.5,
  };
}

/** The same rows as GLUE's SST-2 files. */
export async function writeTinyGlue(
  folder: string,
  options: { train?: number; validation?: number; test?: number; seed?: number } = {},
): Promise<string> {
  const { train = 40, validation = 20, test = 10, seed = 7 } = options;
  const target = join(folder, 'SST-2');
  await mkdir(target, { recursive: true });
  const labelled = (rows: ReturnType<typeof tinyRows>): string =>
    `sentence\tlabel\n${rows.map(({ text, label }) => `${text}\t${label}\n`).join('')}`;
  await writeFile(join(target, 'train.tsv'), labelled(tinyRows(train, seed)));
  await writeFile(join(target, 'dev.tsv'), labelled(tinyRows(validation, seed + 1)));
  await writeFile(
    join(target, 'test.tsv'),
    `index\tsentence\n${tinyRows(test, seed + 2)
      .map(({ text }, i) => `${i}\t${text}\n`)
      .join('')}`,
  );
  return folder;
}
