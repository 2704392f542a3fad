import type { CommonArguments } from './options.ts';
import { createOutput, type Output } from './output.ts';
import { createStopper, type Stop } from './signals.ts';

/** What a command's body gets beside its arguments. */
export interface CommandContext {
  /** Aborts on Ctrl-C, SIGTERM and --timeout. Hand it to every long call. */
  readonly signal: AbortSignal;
  readonly output: Output;
}

/** Set when a signal or the timeout stopped the command, for the exit code. */
let lastStop: Stop | undefined;

export function takeStop(): Stop | undefined {
  const stop = lastStop;
  lastStop = undefined;
  return stop;
}

/**
 * A yargs handler from a command's body: it makes the output and the abort signal, and takes the signal listeners away at the end. Errors
 * go up to cli.ts, which prints them and chooses the exit code.
 */
export function command<A>(body: (args: A, context: CommandContext) => void | Promise<void>): (args: A) => Promise<void> {
  return async (args) => {
    const common = args as CommonArguments;
    const output = createOutput({ json: common.json, quiet: common.quiet });
    const stopper = createStopper({ timeout: common.timeout, onStop: output.note });
    try {
      await body(args, { signal: stopper.signal, output });
    } finally {
      lastStop = stopper.stop;
      stopper.dispose();
    }
  };
}
