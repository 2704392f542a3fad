/** Errors of the engine, with what to do about them. */
import { type ErrorCode, errorCodes, LrdistError } from '../errors.ts';

const remedies: Partial<Record<ErrorCode, string>> = {
  ERR_OUT_OF_MEMORY:
    'Use fewer replicas, a smaller batch (with --gradient_accumulation_steps the result stays the same), or shorter rows (--max_seq_length).',
  ERR_BUSY: 'One call at a time for each model: await the run or evaluation under way.',
  ERR_DISPOSED: 'Open the model again.',
  ERR_DEVICE_UNAVAILABLE: 'Use --device cpu, or run `lrdist doctor`, which lists the devices and says what to install.',
  ERR_DEVICE_LOST:
    'Start again: what was trained in this process is gone, finished trials and checkpoints are not. If it happens again, look at `nvidia-smi` and at the XID lines of `dmesg`, and use another GPU or --device cpu.',
  ERR_KERNEL:
    'Run `lrdist doctor`, which looks at the driver and at NVRTC; --device cpu needs neither. If it finds nothing wrong, please report this with its output.',
  ERR_LIBTORCH: 'Run `lrdist doctor`; if it finds nothing wrong, please report this with its output.',
  ERR_NATIVE: 'Please report this with the output of `lrdist doctor`.',
  ERR_WRITE: 'Free some space, or choose a folder that may be written to.',
};

/** The engine's error as an LrdistError, or whatever else it was, unchanged. */
export function fromNative(error: unknown): unknown {
  if (error instanceof LrdistError || !(error instanceof Error)) return error;
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || !Object.hasOwn(errorCodes, code)) return error;
  const remedy = remedies[code as ErrorCode];
  return new LrdistError(code as ErrorCode, error.message, {
    cause: error,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

/** Waits for a call of a session; an abort stops the session and rejects with the signal's reason. */
export async function withSignal<T>(
  session: { requestStop(): void },
  signal: AbortSignal | undefined,
  call: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const stop = (): void => session.requestStop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await call();
  } catch (error) {
    if (signal?.aborted === true && (error as { code?: unknown }).code === 'ERR_STOPPED') throw signal.reason;
    throw fromNative(error);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
