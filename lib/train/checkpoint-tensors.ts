/** Which tensors a checkpoint holds, in which file, under which name. */
import type { NativeFileTensor, NativeSource } from '../native/boundary.ts';
import type { WantedHead } from './hf.ts';
import type { Model } from './model.ts';

export interface StoredTensor {
  readonly file: string;
  readonly name: string;
  readonly dtype: NativeFileTensor['dtype'];
  readonly shape: readonly number[];
  readonly source: NativeSource;
}

const modelFile = 'model.safetensors';
const optimizerFile = 'optimizer.safetensors';

/**
 * Files of one replica. Where there is only one, its weights have a file of their own, so that the folder is a Hugging Face model too; several have one
 * file each.
 */
export function checkpointFiles(replica: number, replicas: number): readonly string[] {
  return replicas === 1 ? [modelFile, optimizerFile] : [`replica-${replica}.safetensors`];
}

/** @param head the head trained, stored as the folder's `classifier.*` */
export function storedTensors(model: Model, replica: number, head: WantedHead | undefined): readonly StoredTensor[] {
  const [weightsFile, stateFile = weightsFile] = checkpointFiles(replica, model.replicas) as [string, string?];
  return model.parameters.flatMap(({ name, shape }, parameter): StoredTensor[] => {
    const state = (
      buffer: 'exp_avg' | 'exp_avg_sq' | 'steps' | 'touched',
      dtype: StoredTensor['dtype'],
      stateShape: readonly number[],
    ): StoredTensor => ({
      file: stateFile,
      name: `${buffer}/${name}`,
      dtype,
      shape: stateShape,
      source: { buffer, parameter, replica },
    });
    return [
      {
        file: weightsFile,
        name: storedName(name, head),
        dtype: 'F32',
        shape,
        source: { buffer: 'weights', parameter, replica },
      },
      state('exp_avg', 'F32', shape),
      state('exp_avg_sq', 'F32', shape),
      state('steps', 'I64', [1]),
      ...(name === 'bert.embeddings.word_embeddings.weight' ? [state('touched', 'U8', [shape[0]!])] : []),
    ];
  });
}

function storedName(name: string, head: WantedHead | undefined): string {
  const prefix = `classifier.${head?.name}.`;
  return head !== undefined && name.startsWith(prefix) ? `classifier.${name.slice(prefix.length)}` : name;
}
