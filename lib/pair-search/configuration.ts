/** What decides a first stage's bits. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { deviceKind, deviceNames, gpuName } from '../native/devices.ts';
import { loadNative } from '../native/load.ts';
import { toDocument } from '../rates/file.ts';
import type { RateDistribution } from '../rates/distribution.ts';
import type { StageTraining } from '../forgetting/options.ts';
import { readFailed } from '../train/files.ts';
import type { Model } from '../train/model.ts';
import { digest, packageVersion } from '../train/protocol.ts';
import { splitOf, type Task } from '../train/task.ts';

/** SHA-256 of a model folder's weights and configuration, in the order of file names. @throws ERR_READ */
export async function modelDigest(folder: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    const files = (await readdir(folder)).filter((name) => /\.safetensors$|^config\.json$/.test(name)).sort();
    for (const file of files) {
      hash.update(`${file}\n`);
      await pipeline(createReadStream(join(folder, file)), hash, { end: false });
    }
  } catch (error) {
    throw readFailed(folder, error);
  }
  return hash.digest('hex').slice(0, 32);
}

/** Of a task's rows in one split. */
export function rowsDigest(task: Task, split: string): string {
  const { inputIds, typeIds, offsets, labels } = splitOf(task, split);
  return digest(inputIds, typeIds, offsets, labels);
}

export interface FirstStageParts {
  readonly model: Model;
  readonly modelDigest: string;
  readonly task: Task;
  readonly training: StageTraining;
  readonly rates: RateDistribution;
}

export function firstStageConfiguration({ model, modelDigest: source, task, training, rates }: FirstStageParts) {
  const { spec, session } = model;
  const info = loadNative().info();
  const { length: devices } = deviceNames(spec.device);
  return {
    lrdist: packageVersion,
    libtorch: info.libtorchLoaded,
    matmul: session.matmul(),
    spec: { ...spec, replicas: 1, matmul: undefined, device: deviceKind(spec.device) },
    card: gpuName(spec.device, info),
    // Sums over several are rounded in another order.
    devices: devices === 1 ? undefined : devices,
    model: source,
    task: task.name,
    rows: rowsDigest(task, 'train'),
    training,
    rates: { ...toDocument(rates), name: undefined, provenance: undefined },
  };
}
