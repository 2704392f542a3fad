import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { env } from '../env.ts';
import type { Matmul, NativeHead, NativeSessionSpec } from '../native/boundary.ts';
import { chooseDevice } from '../native/choose-device.ts';
import { choosePrecision } from '../native/devices.ts';
import { loadNative, trackSession, untrackSession } from '../native/load.ts';
import { phase } from '../phase.ts';
import { check } from './check.ts';
import { nativeSpec, readConfig } from './config.ts';
import { FineTuner } from './fine-tuner.ts';
import { type LoadPlan, planLoad, readModelFolder, type WantedHead } from './hf.ts';
import { bodyParameters, headParameters, poolerParameters } from './layout.ts';
import { loadWeights } from './load-weights.ts';
import { checkHeads, wantedHead } from './heads.ts';
import type { Model, ModelOptions } from './model.ts';
import { fromNative, withSignal } from './native-errors.ts';

const whole = z.number().int();
/** As `matmul()` of a session returns it; the engine checks the rest. Records of runs on a GPU name its library, which is the only one there. */
const matmul = z.custom<Matmul>(
  (value) => typeof value === 'string' && /^(auto|cublas|(mkl|onednn)(-linear)?(;.*)?)$/.test(value),
  {
    error: 'expected auto, mkl, onednn or a choice taken from a record',
  },
);
const dropout = z.number().min(0).lt(1).optional();
const taskSchema = z.looseObject({ name: z.string(), labels: z.array(z.string()).readonly().nullable() });

const schema = z.strictObject({
  path: z.string().min(1),
  tasks: z.array(taskSchema).readonly().default([]),
  heads: z
    .array(
      z.strictObject({
        name: z.string(),
        kind: z.enum(['classification', 'masked-lm']).default('classification'),
        labels: z.array(z.string()).readonly().nullable().default(null),
      }),
    )
    .readonly()
    .default([]),
  replicas: whole.min(1).max(1024).default(1),
  device: z.string().default('cpu'),
  threads: whole.min(1).max(4096).optional(),
  precision: z.enum(['fp32', 'tf32', 'bf16']).default('fp32'),
  seed: whole.nonnegative().max(Number.MAX_SAFE_INTEGER).default(42),
  matmul: matmul.optional(),
  pool: z.enum(['pooler', 'cls']).optional(),
  from: z.enum(['weights', 'config']).default('weights'),
  hiddenDropout: dropout,
  attentionDropout: dropout,
  classifierDropout: dropout,
  signal: z.instanceof(AbortSignal).optional(),
});

/**
 * Opens a Hugging Face BERT folder for training and evaluation.
 *
 * @throws LrdistError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNSUPPORTED, ERR_SAFETENSORS, ERR_TENSOR_MISSING, ERR_TENSOR_SHAPE, ERR_INVALID_OPTION,
 * ERR_NATIVE_NOT_BUILT, ERR_NATIVE_LOAD, ERR_DEVICE_UNAVAILABLE, ERR_OUT_OF_MEMORY
 */
export async function openModel(options: ModelOptions): Promise<Model> {
  const checked = check(schema, options, 'openModel');
  const { signal } = checked;
  signal?.throwIfAborted();
  const heads = checkHeads([
    ...checked.tasks.map((task) => wantedHead(task.name, 'classification', task.labels)),
    ...checked.heads.map((head) => wantedHead(head.name, head.kind, head.labels)),
  ]);

  const folder = checked.from === 'weights' ? await readModelFolder(checked.path) : undefined;
  const config = folder?.config ?? (await readConfig(checked.path));
  const pool = checked.pool ?? config.lrdist?.pool ?? 'pooler';
  const load: LoadPlan = folder === undefined ? freshPlan(config, heads, pool) : planLoad(folder, heads, pool);
  const classifierDropout =
    checked.classifierDropout ?? config.classifier_dropout ?? checked.hiddenDropout ?? config.hidden_dropout_prob;

  const native = await phase('loading the addon', async () => loadNative());
  const nativeHead = (head: WantedHead): NativeHead => ({
    name: head.name,
    kind: head.kind,
    outputs: head.outputs,
    pool,
    dropout: head.kind === 'masked-lm' ? 0 : classifierDropout,
  });
  const info = native.info();
  const device = chooseDevice(checked.device, info);
  const spec: NativeSessionSpec = {
    model: nativeSpec(config, {
      pooler: load.pooler,
      hiddenDropout: checked.hiddenDropout,
      attentionDropout: checked.attentionDropout,
    }),
    heads: heads.map(nativeHead),
    replicas: checked.replicas,
    device,
    precision: choosePrecision(checked.precision, device, info),
    threads: checked.threads ?? envThreads() ?? info.threads,
    seed: checked.seed,
    // The libraries to choose from are the processor's.
    matmul: device === 'cpu' ? (ofProcessors(checked.matmul) ?? envMatmul() ?? 'auto') : 'auto',
  };
  signal?.throwIfAborted();
  let session;
  try {
    session = new native.Session(spec);
  } catch (error) {
    throw fromNative(error);
  }
  trackSession(session);
  try {
    await phase('loading the weights', () =>
      withSignal(session, signal, () => loadWeights(session, load, config.initializer_range, checked.seed)),
    );
  } catch (error) {
    session.closeSync();
    untrackSession(session);
    throw error;
  }
  return new FineTuner({ path: checked.path, config, loaded: load.report, heads, pool, nativeHead, session, spec });
}

function freshPlan(
  config: Parameters<typeof bodyParameters>[0],
  heads: readonly WantedHead[],
  pool: 'pooler' | 'cls',
): LoadPlan {
  const pooler = pool === 'pooler' && heads.some((head) => head.kind === 'classification');
  const parameters = [
    ...bodyParameters(config),
    ...(pooler ? poolerParameters(config) : []),
    ...heads.flatMap((head) => headParameters(config, head)),
  ];
  const fresh = parameters.map(({ name }) => name);
  return {
    pooler,
    sources: new Map(),
    report: { files: [], fresh, unused: [], savedHead: undefined, labelOrder: undefined, notes: [] },
  };
}

function ofProcessors(choice: Matmul | undefined): Matmul | undefined {
  return choice === 'cublas' ? undefined : choice;
}

function envThreads(): number | undefined {
  const value = env('LRDIST_THREADS');
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,3}$/.test(value))
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `LRDIST_THREADS: expected a whole number of threads, received "${value}"`,
    );
  return Number(value);
}

function envMatmul(): Matmul | undefined {
  const value = env('LRDIST_MATMUL');
  if (value === undefined) return undefined;
  const parsed = matmul.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new LrdistError('ERR_INVALID_OPTION', `LRDIST_MATMUL: expected mkl or onednn, received "${value}"`);
}
