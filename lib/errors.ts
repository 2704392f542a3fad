/** Every error lrdist throws on purpose carries one of these codes. Messages may change, codes do not. */
export const errorCodes = {
  ERR_INVALID_OPTION: 'an option has a value it cannot have',
  ERR_UNKNOWN_OPTION: 'an option that does not exist',
  ERR_CONFIG_FILE: 'a --config file that cannot be read or parsed',
  ERR_DATA_NOT_FOUND: 'a data file or folder that is not there',
  ERR_DATA_INVALID: 'a data file that breaks its format',
  ERR_LABEL_UNKNOWN: 'a label the task does not have',
  ERR_MODEL_NOT_FOUND: 'a model folder or id that cannot be found',
  ERR_MODEL_UNSUPPORTED: 'a model of another architecture or with unsupported settings',
  ERR_TENSOR_MISSING: 'weights that the file should have and does not',
  ERR_TENSOR_SHAPE: 'a tensor of another shape than the model needs',
  ERR_SAFETENSORS: 'a safetensors file that breaks its format',
  ERR_TOKENIZER: 'a tokenizer that cannot be built',
  ERR_HUB: 'the model hub did not answer as expected',
  ERR_HUB_OFFLINE: 'a download was needed while offline mode is on',
  ERR_GROUP_EMPTY: 'a group of a rate distribution that matches no parameter',
  ERR_PARAMETER_UNCLAIMED: 'a parameter that no group of a rate distribution matches',
  ERR_RATES_FILE: 'a rates file that breaks its format',
  ERR_RATES_ENCODE: 'a rate distribution that a parametrisation, grouping or export cannot express',
  ERR_NATIVE_NOT_BUILT: 'the native addon has not been built',
  ERR_NATIVE_LOAD: 'the native addon is there but does not load',
  ERR_NATIVE_BUILD: 'the native addon could not be built',
  ERR_LIBTORCH_NOT_FOUND: 'no libtorch could be found or obtained',
  ERR_LIBTORCH_VERSION: 'a libtorch of an unsupported version',
  ERR_DOWNLOAD: 'a download failed or its checksum is wrong',
  ERR_DEVICE_UNAVAILABLE: 'a device that is not there',
  ERR_DEVICE_LOST: 'a device that stopped working in the middle of a run',
  ERR_KERNEL: 'a kernel that could not be compiled for the GPU, or not be started',
  ERR_OUT_OF_MEMORY: 'not enough memory',
  ERR_LOSS_NOT_FINITE: 'the loss of every replica stopped being finite',
  ERR_LIBTORCH: 'an error from inside libtorch',
  ERR_NATIVE: 'an unexpected error in the native addon',
  ERR_BUSY: 'a session was called while a call was running',
  ERR_DISPOSED: 'an object was used after dispose()',
  ERR_STOPPED: 'a run was stopped',
  ERR_WRITE: 'a file could not be written',
  ERR_READ: 'a file could not be read',
  ERR_PROTOCOL_MISMATCH: 'a checkpoint or record made by another configuration',
  ERR_STUDY_NOT_FOUND: 'a study that is not in the storage',
  ERR_STUDY_EXISTS: 'a study of that name is there already',
  ERR_STORAGE: 'a storage that cannot be reached, read or written, or is a file of another program',
  ERR_STORAGE_VERSION: 'a storage or study made by a newer lrdist',
  ERR_TRIAL_FINISHED: 'a trial that is finished, or held by another worker, was to be changed',
  ERR_EXECUTOR: 'a child process that runs trials could not be started or broke its protocol',
  ERR_TRIAL_TABLE: 'a trial table that breaks its format',
  ERR_COMBINE_MIXED: 'trials of different protocols, models or groupings were to be combined',
} as const;

export type ErrorCode = keyof typeof errorCodes;

export class LrdistError extends Error {
  readonly code: ErrorCode;
  /** What to do about it, in one or more lines. */
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LrdistError';
    this.code = code;
    this.remedy = options.remedy;
  }
}

export function isLrdistError(error: unknown): error is LrdistError {
  return error instanceof LrdistError;
}

/** The nearest of `candidates` to `name` by edit distance, or undefined if none is near enough to be a slip. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + cost));
    }
    previous = current;
  }
  return previous[b.length]!;
}
