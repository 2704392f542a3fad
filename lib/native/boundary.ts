/**
 * The native side, typed. This file imports nothing; it is the only place that knows the addon's shape, and
 * `test/native/boundary.test.ts` compares it with what the addon really exports.
 *
 * Conventions: K = replicas, P = parameters (tensors), G = groups. Arrays are row-major. Arrays passed in are copied before the call
 * returns, so the caller may reuse them. One call at a time for each session (`ERR_BUSY`), except `requestStop` and `closeSync`.
 * Every rejection is an Error with a string `code`.
 */
export const BOUNDARY_VERSION = 3;

export interface NativeModule {
  info(): NativeInfo;
  readonly Session: new (spec: NativeSessionSpec) => NativeSession;
}

export interface NativeInfo {
  readonly boundaryVersion: number;
  /** TORCH_VERSION the addon was compiled with, such as "2.13.0". */
  readonly libtorchCompiled: string;
  /** Version of the libtorch that was really loaded. */
  readonly libtorchLoaded: string;
  /** Intra-op threads libtorch would take by itself. */
  readonly threads: number;
  /** The processor, then the GPUs that this process sees and can use. */
  readonly devices: readonly NativeDevice[];
  /** Whether the processor multiplies bfloat16. */
  readonly bf16: boolean;
  /** What CUDA needs, as found; for reports and advice. */
  readonly cuda: NativeCuda;
  /** at::show_config(), for reports. */
  readonly config: string;
}

export interface NativeDevice {
  /** `cpu`, `cuda:0`, `cuda:1`, ... */
  readonly name: string;
  readonly totalBytes: number;
  /** What the driver calls it, such as "NVIDIA H200"; empty for the processor. */
  readonly description: string;
  /** Compute capability, such as "9.0"; empty for the processor. Kernels need 8.0. */
  readonly capability: string;
}

/** Empty strings: not there. */
export interface NativeCuda {
  /** CUDA version that libtorch was built with, such as "13.0"; empty for a libtorch without CUDA. */
  readonly libtorch: string;
  /** Newest CUDA version that the driver supports. */
  readonly driver: string;
  /** Path of the NVRTC that compiles the kernels. */
  readonly nvrtc: string;
  /** Version of the NCCL by which several GPUs exchange gradients, such as "2.29.3"; empty without GPUs. Absent: the addon is from before it. */
  readonly nccl?: string;
  /** Why there is no GPU among the devices, in one sentence; empty if there is one or nothing speaks of CUDA. */
  readonly problem: string;
}

export interface NativeModelSpec {
  readonly vocab: number;
  readonly maxPositions: number;
  readonly typeVocab: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly layerNormEps: number;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  /** Whether `bert.pooler.dense.*` exists. Needed when a head pools through it. */
  readonly pooler: boolean;
}

/**
 * `classification`: a linear layer on the pooler's output or on the raw state of the first token; parameters `classifier.<name>.weight` `[outputs, hidden]`
 * and `classifier.<name>.bias`. `masked-lm`: the tied language-model head; parameters `cls.predictions.*` (at most one of these).
 */
export interface NativeHead {
  readonly name: string;
  readonly kind: 'classification' | 'masked-lm';
  /** Classes, or 1 for regression. Ignored for `masked-lm`. */
  readonly outputs: number;
  readonly pool: 'pooler' | 'cls';
  /** Dropout before the classifier. */
  readonly dropout: number;
}

/**
 * Libraries for the matrix products; `auto` measures them once per process. A choice by shape, as `matmul()` returns it, is a library followed by
 * exceptions: `onednn;mkl:forward/1152x384,weight/384x384` (form of the product / shape of the weight). `onednn-linear` is oneDNN reached
 * through libtorch's operator, for a libtorch without the function. GPUs have `cublas`, which sessions name and none is asked for.
 */
export type Matmul = 'auto' | 'cublas' | MatmulLibrary | `${MatmulLibrary};${string}`;
export type MatmulLibrary = 'mkl' | 'onednn' | 'onednn-linear';
/**
 * `bf16`: matrix products and what lies between them in bfloat16, sums in fp32; weights, moments, gradients of weights and the residual stream in fp32.
 * `tf32` (GPUs): fp32 whose matrix products may round what they read to 10 bits of mantissa.
 */
export type Precision = 'fp32' | 'tf32' | 'bf16';

export interface NativeSessionSpec {
  readonly model: NativeModelSpec;
  readonly heads: readonly NativeHead[];
  readonly replicas: number;
  /**
   * `cpu`, `cuda` (the first), `cuda:1`, ..., or `emulated`: the kernels of CUDA on the processor, for tests. Several with commas, `cuda:0,cuda:1` or
   * `emulated,emulated`: each holds everything, and each batch's rows are dealt out to them.
   */
  readonly device: string;
  readonly precision: Precision;
  readonly threads: number;
  /** Key of the dropout and masking streams, an integer in [0, 2^53). */
  readonly seed: number;
  readonly matmul: Matmul;
}

/** Parameter names are Hugging Face's (`bert.encoder.layer.0.attention.self.query.weight`, ...), heads as described at NativeHead. */
export interface NativeParameter {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Per parameter: weights, first and second moments, gradients in the last step (on the processor of the last replica, whichever is asked for), Adam's step count, or touched rows (word embeddings only). */
export type NativeBuffer = 'weights' | 'exp_avg' | 'exp_avg_sq' | 'gradients' | 'steps' | 'touched' | 'slot';

export interface NativeSource {
  readonly buffer: NativeBuffer;
  readonly parameter: number;
  readonly replica: number;
  /** A slot of `snapshot` or `fisher`; only for buffer `slot`. */
  readonly slot?: number;
}

export interface NativeFileTensor {
  readonly path: string;
  /** Absolute byte offset of the tensor in the file. */
  readonly offset: number;
  readonly dtype: 'F32' | 'F16' | 'BF16' | 'F64' | 'I64' | 'U8';
  readonly buffer: NativeBuffer;
  readonly parameter: number;
  /** -1 = all replicas. */
  readonly replica: number;
  /** Only for buffer `slot`. */
  readonly slot?: number;
}

export interface NativeRagged {
  /** Token ids of all rows, one after the other. */
  readonly inputIds: Int32Array;
  /** Segment ids (0 or 1), same length. */
  readonly typeIds: Uint8Array;
  /** Row r is `inputIds[offsets[r] .. offsets[r + 1])`; length rows + 1. */
  readonly offsets: Int32Array;
  /** Class index or regression target per row; NaN where there is none. */
  readonly labels: Float32Array;
}

export interface NativePlan {
  /** Group of each parameter [P]; -1 = frozen. */
  readonly groupOf: Int32Array;
  /** [K x G] learning rates; 0 = frozen (no gradient, moment or decay). */
  readonly rates: Float64Array;
  /** [K x G] weight decay. */
  readonly decay: Float64Array;
  readonly groups: number;
  /** `adam` couples decay into the gradient (torch.optim.Adam), `adamw` decouples it. */
  readonly optimizer: {
    readonly name: 'adam' | 'adamw';
    readonly beta1: number;
    readonly beta2: number;
    readonly eps: number;
  };
  readonly moments: 'keep' | 'fresh';
  /** [K]; absent = none. */
  readonly penalties?: readonly NativePenalty[];
  /** [K]; absent = none. */
  readonly transforms?: readonly NativeTransform[];
  /** [P] 1 = the tensor has an anchor (the body), 0 = it has none (new heads). Absent = all have one. */
  readonly anchored?: Uint8Array;
}

/**
 * A pull of one replica's anchored tensors towards the anchor's weights w0, a slot. Pulls enter the gradient before clipping; RecAdam's comes after Adam's update.
 * - `l2-sp` (Li et al. 2018): loss + strength/2 |w - w0|^2, and headStrength/2 |w|^2 on the others.
 * - `ewc` (Kirkpatrick et al. 2017): loss + strength/2 sum F (w - w0)^2 with the diagonal F in slot `fisher`.
 * - `recadam` (Chen et al. 2020): w -= r lr adam + (1 - r) lr strength (w - w0), r = 1 / (1 + exp(-slope (t - midpoint))), t = steps since stageOffset, from 1; the pull is capped at 1.
 */
export type NativePenalty =
  | { readonly kind: 'none' }
  | { readonly kind: 'l2-sp'; readonly anchor: number; readonly strength: number; readonly headStrength: number }
  | { readonly kind: 'ewc'; readonly anchor: number; readonly fisher: number; readonly strength: number }
  | {
      readonly kind: 'recadam';
      readonly anchor: number;
      readonly strength: number;
      readonly slope: number;
      readonly midpoint: number;
    };

/**
 * - `mixout` (Lee et al. 2020): in every step each input neuron of an anchored linear weight is the anchor's with this probability, else w0 + (w - w0) / (1 - p).
 * - `child-f` (Xu et al. 2021): gradients of the anchored encoder are kept with this probability and divided by it.
 * - `child-d`: only the top share of them by the Fisher diagonal in a slot.
 */
export type NativeTransform =
  | { readonly kind: 'none' }
  | { readonly kind: 'mixout'; readonly anchor: number; readonly probability: number }
  | { readonly kind: 'child-f'; readonly probability: number }
  | { readonly kind: 'child-d'; readonly fisher: number; readonly probability: number };

/** Masked-LM masking: `probability` of the tokens outside `special`; of these 80 % become `maskId`, 10 % a random id, 10 % stay. */
export interface NativeMasking {
  readonly probability: number;
  readonly maskId: number;
  /** Ids never masked and never drawn. */
  readonly special: Int32Array;
}

export interface NativePart {
  /** Index into the session's heads. */
  readonly head: number;
  /** Handle from addDataset. */
  readonly dataset: number;
  /** `double-softmax` is cross-entropy on softmaxed logits, as the paper's code has it. */
  readonly loss: 'cross-entropy' | 'double-softmax' | 'mse' | 'masked-lm' | 'distillation';
  readonly labelSmoothing?: number;
  readonly masking?: NativeMasking;
  /** `distillation`: the teacher's logits [K x rows of the dataset x outputs]. */
  readonly targets?: Float32Array;
  /** `distillation`: temperature T; the loss is T^2 times the cross-entropy of the tempered predictions. */
  readonly temperature?: number;
}

/**
 * A run of optimizer steps. It is a list of micro-batches; those with the same step are accumulated before one update.
 * Loss of a step = sum over its batches of weight x mean loss of the batch's rows (masked-lm: of its masked tokens).
 */
export interface NativeSegment {
  readonly steps: number;
  readonly parts: readonly NativePart[];
  /** [batches] index into parts. */
  readonly batchPart: Int32Array;
  /** [batches] step within the segment, ascending, every step at least once. */
  readonly batchStep: Int32Array;
  /** Row numbers of all batches, one after the other. */
  readonly rows: Int32Array;
  /** [batches + 1] offsets into rows. */
  readonly rowOffsets: Int32Array;
  /** [batches] */
  readonly weights: Float64Array;
  /** [K x steps], or [K x steps x G] if factorsPerGroup: lr = rate x factor. */
  readonly factors: Float64Array;
  readonly factorsPerGroup: boolean;
  /** Global gradient-norm bound for each replica; 0 = no clipping. */
  readonly clipNorm: number;
  /** Optimizer steps taken before this segment over all stages: the dropout stream's position. */
  readonly stepOffset: number;
  /** stepOffset of this stage's first segment: where RecAdam's annealing begins. Default 0. */
  readonly stageOffset?: number;
  /** false switches all dropout off. */
  readonly dropout: boolean;
  /** false switches it off in the layers below the lowest that learns, embeddings among them, so that their states are kept from epoch to epoch. Default true. */
  readonly frozenDropout?: boolean;
  /** At most one event in this many milliseconds. */
  readonly reportMs: number;
}

export interface NativeStepEvent {
  /** Steps finished in this segment. */
  readonly step: number;
  /** [K] losses of the newest step; NaN for a frozen replica. */
  readonly losses: Float32Array;
  /** [K] gradient norms before clipping. */
  readonly gradNorms: Float32Array;
  /** Real tokens processed in this segment so far (one count for all replicas). */
  readonly tokens: number;
}

export interface NativeSegmentResult {
  /** Whole steps done; fewer than asked only if stopped or if every replica stopped being finite. */
  readonly steps: number;
  readonly stopped: boolean;
  /** [K x steps asked], NaN where not done. */
  readonly losses: Float32Array;
  readonly gradNorms: Float32Array;
  /** [K] step of this segment at which the replica stopped being finite, else -1. A replica frozen earlier has 0. */
  readonly nonFinite: Int32Array;
  readonly tokens: number;
  /** Times that the host waited for all work of the device between the first step and the last; 0 on the processor. */
  readonly synchronizations: number;
}

export interface NativeEvaluation {
  readonly head: number;
  readonly dataset: number;
  /** Rows to evaluate; absent = all. */
  readonly rows?: Int32Array;
  /**
   * `logits` [K x rows x outputs]; `losses` [K x rows] (masked-lm: [K x rows x 2], summed loss and number of masked tokens);
   * `cls` [K x rows x hidden]; `layers` [K x rows x (layers + 1) x hidden]: first token's state after the embeddings and after each layer.
   */
  readonly want: 'logits' | 'losses' | 'cls' | 'layers';
  readonly loss?: NativePart['loss'];
  readonly masking?: NativeMasking;
  /** Tokens for each packed batch. */
  readonly batchTokens: number;
}

export interface NativeFisher {
  readonly head: number;
  readonly dataset: number;
  readonly rows: Int32Array;
  readonly loss: 'cross-entropy' | 'mse' | 'masked-lm';
  readonly masking?: NativeMasking;
  /** `data`: the rows' own labels (empirical Fisher); `model`: labels drawn from the model's prediction (the true Fisher). */
  readonly labels: 'data' | 'model';
}

export interface NativeGradient {
  readonly head: number;
  readonly dataset: number;
  readonly rows: Int32Array;
  readonly loss: 'cross-entropy' | 'mse' | 'masked-lm';
  readonly masking?: NativeMasking;
  readonly batchTokens: number;
}

/** The current weights or moments, or a slot's values. */
export type NativeOperand =
  | { readonly buffer: 'weights' | 'exp_avg' | 'exp_avg_sq' }
  | { readonly buffer: 'slot'; readonly slot: number };

/**
 * Sums over all calls of one kernel in one phase of one kind of job; with an empty kernel over all runs of the phase, with an empty phase
 * over all jobs, each with what lies within it.
 */
export interface NativeProfileRow {
  /** `train`, `evaluate`, `fisher`, `gradient`. */
  readonly job: string;
  readonly phase: string;
  /** -1 = none. */
  readonly layer: number;
  readonly kernel: string;
  /** Width of the result, 0 where there is none. Of a product of [m, inner] and [inner, columns] m varies with the batch. */
  readonly columns: number;
  readonly inner: number;
  readonly count: number;
  readonly seconds: number;
  readonly flops: number;
  /** Every array that is read or written, once for each. */
  readonly bytes: number;
}

export interface NativeProfile {
  readonly rows: readonly NativeProfileRow[];
  /** The newest calls and phases, in the order of their ends. Times in microseconds, starts since startProfile. */
  readonly events: {
    readonly start: Float64Array;
    readonly duration: Float64Array;
    /** Index into rows. */
    readonly row: Int32Array;
    /** Optimizer step as in `stepOffset`, and replica; -1 = none. */
    readonly step: Int32Array;
    readonly replica: Int32Array;
    /** Rows of the matrices. */
    readonly matrixRows: Int32Array;
  };
  /** Events that found no room. */
  readonly dropped: number;
}

export interface NativePeakSpec {
  /** [S x 3]: rows m, and the weight's [n, k] of a linear layer. */
  readonly shapes: Int32Array;
  readonly precision: 'fp32' | 'bf16';
  /** Runs of each product; the fastest counts. */
  readonly rounds: number;
}

export interface NativePeaks {
  /** Libraries for matrix products in this libtorch. */
  readonly libraries: readonly string[];
  /** [S x 3 x libraries] of forward (x w^T), input gradient (dy w) and weight gradient (dy^T x); NaN where a library refuses. */
  readonly flopsPerSecond: Float64Array;
  /** Bytes read and written by a copy of memory that no cache holds. */
  readonly copyBytesPerSecond: number;
}

/** Training that memory is to be found for. */
export interface NativeFit {
  /** No more than so many. */
  readonly replicas: number;
  /** Of a micro-batch, at most. */
  readonly tokens: number;
  readonly rows: number;
  /** Slots of all weights that each replica gets on top of those there are. */
  readonly slots: number;
}

/** Bytes; on several devices those of all together. */
export interface NativeMemory {
  readonly weights: number;
  readonly moments: number;
  readonly gradients: number;
  readonly slots: number;
  readonly datasets: number;
  /** Peak of activations so far. */
  readonly activations: number;
  /** States of dataset rows behind frozen layers; at most a quarter of the memory that was free when the first was kept. */
  readonly prefix: number;
}

export interface NativeSession {
  parameters(): readonly NativeParameter[];
  /** The libraries chosen for the matrix products. */
  matmul(): Matmul;
  replicas(): number;
  addHead(head: NativeHead): Promise<number>;
  addDataset(data: NativeRagged): number;
  removeDataset(dataset: number): void;
  /** Reads tensors from files into buffers. */
  load(tensors: readonly NativeFileTensor[]): Promise<void>;
  /** Fresh values for these parameters, the same in every replica: matrices normal(0, std), LayerNorm weights 1, biases 0. */
  initialize(parameters: Int32Array, std: number, seed: number): Promise<void>;
  setPlan(plan: NativePlan): void;
  train(segment: NativeSegment, onEvent: (event: NativeStepEvent) => void): Promise<NativeSegmentResult>;
  evaluate(evaluation: NativeEvaluation): Promise<Float32Array>;
  /** Mean over rows of the squared gradient of one row's loss, for every replica, into a new slot. */
  fisher(fisher: NativeFisher): Promise<number>;
  /** Mean gradient of the rows' loss at the current weights, dropout off, for every replica, into a new slot. */
  gradient(gradient: NativeGradient): Promise<number>;
  /** [K x P x 4] sums over each tensor: a^2, a b, b^2, (a - b)^2. */
  compare(a: NativeOperand, b: NativeOperand): Promise<Float64Array>;
  /**
   * New replica i is a copy of old replica order[i] (weights, moments, counts, finite flag): drop, compact, fork. Slots follow; one made while there
   * was one replica serves all that come from it. The plan is forgotten.
   */
  setReplicas(order: Int32Array): Promise<void>;
  /** How many replicas the device has memory for, this session's own included: from 0 (not even one fits) to those asked for. A job, for it opens the device. */
  fit(fit: NativeFit): Promise<number>;
  /** Copies `weights`, or `all` (weights, moments, counts), of every replica into a new slot. */
  snapshot(what: 'weights' | 'all'): Promise<number>;
  restore(slot: number): Promise<void>;
  release(slot: number): void;
  /** One tensor as float32 (`steps`: one number; `touched`: 0 or 1 for each row). */
  read(source: NativeSource): Promise<Float32Array>;
  /** Writes a safetensors file: the given JSON header, then the sources' bytes in order (weights, moments, slots F32; steps I64 [1]; touched U8 [rows]). Written to a temporary name, synced, renamed. */
  write(path: string, header: string, sources: readonly NativeSource[]): Promise<void>;
  memory(): NativeMemory;
  /** Records all jobs from here on; at most that many events are kept. */
  startProfile(options: { readonly events: number }): void;
  /** What was recorded since startProfile; ends the recording. */
  takeProfile(): NativeProfile;
  /** The machine's own rates with this session's threads. */
  measurePeaks(peaks: NativePeakSpec): Promise<NativePeaks>;
  /** Polled at least once per micro-batch in train, evaluate and fisher. */
  requestStop(): void;
  /** Stops, waits for the running job, frees everything. Idempotent. For `process.on('exit')`. */
  closeSync(): void;
}
