import type { EventEmitter } from 'node:events';
import { LrdistError } from '../errors.ts';
import { EXIT } from './output.ts';

/** What stopped a run, and the exit code that goes with it. */
export interface Stop {
  readonly by: 'SIGINT' | 'SIGTERM' | 'timeout';
  readonly exitCode: number;
}

export interface Stopper {
  /** Aborts on the first Ctrl-C, on SIGTERM and after the timeout; its reason is an LrdistError ERR_STOPPED. */
  readonly signal: AbortSignal;
  /** Set once the signal has aborted. */
  readonly stop: Stop | undefined;
  /** Takes the listeners and the timer away. */
  dispose(): void;
}

export interface StopperOptions {
  /** Stop after this many seconds. */
  readonly timeout?: number | undefined;
  /** Told once, when the run is asked to stop. */
  readonly onStop?: (message: string) => void;
  readonly target?: EventEmitter;
  readonly exit?: (code: number) => void;
}

const exitCodes = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, timeout: EXIT.failed } as const;

/** setTimeout cannot wait longer than 2^31 - 1 ms, 24 days. */
const MAX_TIMEOUT = Math.floor((2 ** 31 - 1) / 1000);

/** Turns signals of the operating system into an AbortSignal. A second signal exits at once. */
export function createStopper({
  timeout,
  onStop,
  target = process,
  exit = (code) => process.exit(code),
}: StopperOptions = {}): Stopper {
  if (timeout !== undefined && !(timeout > 0 && timeout <= MAX_TIMEOUT)) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `timeout: expected seconds above 0 and at most ${MAX_TIMEOUT}, received ${timeout}`,
    );
  }
  const controller = new AbortController();
  let stop: Stop | undefined;

  const request = (by: Stop['by'], reason: string, advice: string): void => {
    if (stop !== undefined) {
      if (by !== 'timeout') exit(exitCodes[by]);
      return;
    }
    stop = { by, exitCode: exitCodes[by] };
    onStop?.(advice);
    controller.abort(new LrdistError('ERR_STOPPED', reason));
  };
  const interrupt = (): void => request('SIGINT', 'stopped by Ctrl-C', 'Stopping. Ctrl-C again exits at once.');
  const terminate = (): void => request('SIGTERM', 'stopped by SIGTERM', 'Stopping (SIGTERM).');
  target.on('SIGINT', interrupt);
  target.on('SIGTERM', terminate);
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(
          () =>
            request(
              'timeout',
              `stopped after ${timeout} s (--timeout)`,
              `Stopping: ${timeout} s are over (--timeout).`,
            ),
          timeout * 1000,
        );
  timer?.unref();

  return {
    signal: controller.signal,
    get stop() {
      return stop;
    },
    dispose() {
      target.off('SIGINT', interrupt);
      target.off('SIGTERM', terminate);
      clearTimeout(timer);
    },
  };
}
