/** SIGUSR1: let go of what runs and end well, as batch systems ask for before a job's time is up. */
import { LrdistError } from '../../errors.ts';

export interface ReleaseSignal extends Disposable {
  /** Aborts on SIGUSR1, and with the outer signal. */
  readonly signal: AbortSignal;
  /** Whether it was SIGUSR1. */
  readonly released: boolean;
}

export function releaseOnSignal(outer: AbortSignal, onRelease: () => void): ReleaseSignal {
  const controller = new AbortController();
  const release = (): void => {
    if (controller.signal.aborted || outer.aborted) return;
    onRelease();
    controller.abort(new LrdistError('ERR_STOPPED', 'stopped by SIGUSR1'));
  };
  process.on('SIGUSR1', release);
  return {
    signal: AbortSignal.any([outer, controller.signal]),
    get released() {
      return controller.signal.aborted;
    },
    [Symbol.dispose]: () => void process.off('SIGUSR1', release),
  };
}
