import type { Matmul, Precision, NativeSession, NativeSessionSpec } from '../native/boundary.ts';
import type { LoadedReport, ModelConfig, WantedHead } from './hf.ts';
import type { ModelParameter } from './layout.ts';
import type { TrainOptions } from './options.ts';
import type { Run } from './run.ts';
import type { EncodedSplit, Task } from './task.ts';

export type { ModelParameter } from './layout.ts';

export interface Operation {
  /** Checked first, then polled once per step. The call rejects with `signal.reason`. */
  readonly signal?: AbortSignal;
}

export interface HeadOptions {
  readonly name: string;
  /** Default `classification`. `masked-lm` is the tied language-model head (at most one; its name is `mlm` by default). */
  readonly kind?: 'classification' | 'masked-lm';
  /** Class names, or null for regression. Ignored for `masked-lm`. */
  readonly labels?: readonly string[] | null;
}

export interface ModelOptions extends Operation {
  /** A Hugging Face folder of a BERT. (A hub id is resolved by `resolveModel` in lib/data first.) */
  readonly path: string;
  /** One classification head for each task, in this order; tasks may be trained later in any order. */
  readonly tasks?: readonly Pick<Task, 'name' | 'labels'>[];
  /** More heads, after those of the tasks. */
  readonly heads?: readonly HeadOptions[];
  /** Models trained at once from the same weights. Default 1. */
  readonly replicas?: number;
  /**
   * `cpu` (default), `cuda` (the first GPU), `cuda:1`, ..., or `auto`: the first GPU if there is one. Several GPUs for one job: `cuda:0,cuda:1`, or `cuda:all`.
   * Also `emulated`, for tests: the GPU's kernels on the processor, slowly; `emulated,emulated` are two such devices.
   */
  readonly device?: string;
  /** Compute threads; default LRDIST_THREADS or the physical cores. */
  readonly threads?: number;
  /**
   * Default `fp32`. `bf16`: the encoder's matrix products and what lies between them in bfloat16, sums in fp32; weights, moments, their update, the
   * residual stream and the heads stay in fp32. On CPUs it needs avx512_bf16 or amx_bf16. `tf32`, on GPUs alone: fp32 whose matrix products may round
   * what they read to 10 bits of mantissa.
   */
  readonly precision?: Precision;
  /** Key of new heads' weights and of the dropout masks. Default 42. */
  readonly seed?: number;
  /** Library of the matrix products; default LRDIST_MATMUL or measured. */
  readonly matmul?: Matmul;
  /** What classifiers read: the pooler's output (Hugging Face's way, default) or the raw state of [CLS] (the paper's way). */
  readonly pool?: 'pooler' | 'cls';
  /** `weights` (default) reads them from the folder; `config` starts from fresh ones, normal(0, initializer_range). */
  readonly from?: 'weights' | 'config';
  /** Instead of the config's dropout probabilities. */
  readonly hiddenDropout?: number;
  readonly attentionDropout?: number;
  readonly classifierDropout?: number;
}

export interface EvaluateOptions extends Operation {
  /** Default `validation`. */
  readonly split?: string;
  /** Head to use; default the task's own. */
  readonly head?: string;
  /** Tokens for each packed batch. Default 2048. */
  readonly batchTokens?: number;
  /** Keep the logits in the result. */
  readonly logits?: boolean;
  /** Of the loss, as in TrainOptions. Default 0. */
  readonly labelSmoothing?: number;
}

/** Of one replica. */
export interface Scores {
  /** Mean loss over labelled rows. */
  readonly loss: number;
  /** By Hugging Face's names; NaN losses give NaN scores. */
  readonly metrics: Readonly<Record<string, number>>;
  /** metrics[task.mainMetric]. */
  readonly main: number;
  /** Class index or regression value for each row. */
  readonly predictions: Float32Array;
  /** [rows x outputs], when asked for. */
  readonly logits?: Float32Array;
}

export interface SaveOptions extends Operation {
  /** Default 0. */
  readonly replica?: number;
  /**
   * Head to save as the model's classifier (or the masked-LM head). Default: the only classification head. null, or a model without one: a masked-LM
   * folder if the model has that head, else the bare encoder.
   */
  readonly head?: string | null;
}

/** One or more replicas of a BERT with its heads, on a device. Make it with `openModel`. */
export interface Model extends AsyncDisposable {
  readonly path: string;
  readonly config: ModelConfig;
  /** What was read, what is new, what was left unread. */
  readonly loaded: LoadedReport;
  readonly replicas: number;
  readonly heads: readonly WantedHead[];
  readonly pool: 'pooler' | 'cls';
  readonly parameters: readonly ModelParameter[];
  /** Optimizer steps over all runs so far: the position of the dropout stream. */
  steps: number;

  /** Starts a run. One at a time (`ERR_BUSY`). */
  train(options: TrainOptions): Run;
  /** Scores of a task's split for each replica. */
  evaluate(task: Task, options?: EvaluateOptions): Promise<readonly Scores[]>;
  /** Logits [rows x outputs] of each replica. */
  predict(
    split: EncodedSplit,
    options: Operation & { readonly head: string; readonly batchTokens?: number },
  ): Promise<readonly Float32Array[]>;
  /** Writes a Hugging Face folder that transformers loads. Atomic: files appear whole. */
  save(folder: string, options?: SaveOptions): Promise<void>;
  /** New replica i is a copy of old replica order[i] with its moments: drop, compact, fork. */
  setReplicas(order: readonly number[]): Promise<void>;
  /** A new classification head, fresh by the model's seed. */
  addHead(head: HeadOptions): Promise<void>;
  /** Handle of a split on the device; made once, kept until dispose(). */
  dataset(split: EncodedSplit): number;
  /** Index of a head by name. */
  head(name: string): number;
  dispose(): Promise<void>;

  /** The native session, for code inside the package that needs more (forgetting, search). */
  readonly session: NativeSession;
  /** What the session was made with: device, threads, seed. */
  readonly spec: NativeSessionSpec;
}
