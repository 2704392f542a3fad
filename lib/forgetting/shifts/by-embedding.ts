import type { ModelOptions, Operation } from '../../train/model.ts';
import { withSignal } from '../../train/native-errors.ts';
import { openModel } from '../../train/open.ts';
import { type EncodedSplit, rowsOf, splitOf, type Task } from '../../train/task.ts';
import { halves } from './halves.ts';
import { kMeans, nearestCentres } from './k-means.ts';

export interface ByEmbeddingOptions
  extends Operation,
    Pick<ModelOptions, 'device' | 'threads' | 'matmul' | 'precision'> {
  /** Folder of the untuned model. */
  readonly model: string;
  /** Of the clustering's starts. Default 42. */
  readonly seed?: number;
}

/**
 * Embedding shift (arXiv 2404.01317): the rows of one task in two clusters of the untuned model's [CLS] states, to be learned one after the other with
 * the same head, the larger first. Clusters are found on the train rows and applied to the others. (The published code finds them on the validation rows.)
 *
 * @throws ERR_DATA_INVALID if a cluster has one class only; what openModel throws
 */
export async function byEmbedding(task: Task, options: ByEmbeddingOptions): Promise<[Task, Task]> {
  const { model: path, seed = 42, signal, ...session } = options;
  await using model = await openModel({ ...session, path, tasks: [task], seed, ...(signal && { signal }) });
  const statesOf = async (split: EncodedSplit): Promise<Float32Array[]> => {
    const head = model.head(task.name);
    const dataset = model.dataset(split);
    const states = await withSignal(model.session, signal, () =>
      model.session.evaluate({ head, dataset, want: 'cls', batchTokens: 2048 }),
    );
    const hidden = model.config.hidden_size;
    return Array.from({ length: rowsOf(split) }, (_, r) => states.subarray(r * hidden, (r + 1) * hidden));
  };
  const train = splitOf(task, 'train');
  const { centres, assignment } = kMeans(await statesOf(train), 2, seed);
  const clusters = new Map<EncodedSplit, Uint8Array>([[train, assignment]]);
  for (const split of Object.values(task.splits))
    if (!clusters.has(split)) clusters.set(split, nearestCentres(await statesOf(split), centres));
  return halves(task, {
    names: ['larger', 'smaller'],
    by: 'embedding (2-means of [CLS] states)',
    halfOf: (split) => clusters.get(split)!,
  });
}
