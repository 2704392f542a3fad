/** The splits of a task as token ids: from the cache, or read, cut and tokenized. */
import { cachedFile, keyOfFiles, raggedCodec } from '../data/cache.ts';
import { encodeRows } from '../data/dataset.ts';
import type { EncodedRows } from '../data/ragged-file.ts';
import type { Row, Rows } from '../data/rows.ts';
import { holdOut } from '../data/splits.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { phase } from '../phase.ts';
import type { LoadTaskOptions } from './load-task.ts';
import type { Task } from './task.ts';

export interface TaskSource {
  readonly task: Omit<Task, 'splits'>;
  /** Reads a split, once. */
  readonly rows: Readonly<Record<string, () => Promise<Rows>>>;
  /** Files of a split, where its rows are decided by them alone. */
  readonly files?: (split: string) => Promise<readonly string[]>;
  readonly containment?: number;
}

/** A split of the task, made of one that is read. */
export interface Part {
  readonly name: string;
  readonly read: string;
  readonly rows: () => Promise<Rows>;
}

/** The splits that are read, with train cut in two where a selection is wanted. */
export function partsOf({ rows, containment }: TaskSource, selection: LoadTaskOptions['selection']): readonly Part[] {
  return Object.entries(rows).flatMap(([read, load]) => {
    if (read !== 'train' || selection === undefined) return [{ name: read, read, rows: load }];
    const cut = once(async () => {
      const train = await load();
      const held = holdOut(train.rows, { ...selection, ...(containment === undefined ? {} : { containment }) });
      const pick = (which: Int32Array): Rows['rows'] => Array.from(which, (r) => train.rows[r]!);
      return {
        train: { ...train, rows: pick(held.train) },
        selection: { ...train, rows: pick(held.heldOut), skipped: 0 },
      };
    });
    return (['train', 'selection'] as const).map((name) => ({ name, read, rows: async () => (await cut())[name] }));
  });
}

/** Where an entry of the cache has these files and options, the files are hashed, but neither parsed nor tokenized. */
export async function encodePart(
  { name, read, rows: load }: Part,
  source: TaskSource,
  tokenizer: Tokenizer,
  options: LoadTaskOptions,
): Promise<EncodedRows> {
  const { maxLength = 128, selection, cache, overwriteCache = false, signal } = options;
  const limit = limitOf(name, options);
  const caching = { overwriteCache, ...(cache === undefined ? {} : { cache }) };
  const make = async (rowCache: typeof caching): Promise<EncodedRows> => {
    const { rows: all, skipped } = await load();
    const rows = limit === undefined ? all : all.slice(0, limit);
    const data = await phase('tokenising', () =>
      encodeRows(rows, tokenizer, { ...rowCache, maxLength, ...(signal === undefined ? {} : { signal }) }),
    );
    return { data, ids: Int32Array.from(rows, (row: Row) => row.id), skipped };
  };
  // Own files: what their columns and labels mean is decided over all of them, so they are read.
  if (source.files === undefined) return make(caching);
  const files = await source.files(read);
  const settings = {
    task: source.task.name,
    part: name,
    limit,
    selection: read === 'train' ? selection : undefined,
    maxLength: Math.min(maxLength, tokenizer.maxLength),
    tokenizer: tokenizer.fingerprint,
  };
  return cachedFile(
    () => keyOfFiles(settings, files),
    caching,
    raggedCodec,
    () => make({ ...caching, cache: false }),
  );
}

function limitOf(name: string, options: LoadTaskOptions): number | undefined {
  if (name === 'train') return options.maxTrainSamples;
  return name.startsWith('validation') || name === 'selection' ? options.maxEvalSamples : options.maxPredictSamples;
}

export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
