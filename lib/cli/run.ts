import { AsyncLocalStorage } from 'node:async_hooks';
import type { CommonArguments } from './options.ts';
import { createOutput, type Output, type Stream } from './output.ts';
import { createStopper, type Stop } from './signals.ts';

/** What a command's body gets beside its arguments. */
export interface CommandContext {
  /** Aborts on Ctrl-C, SIGTERM and --timeout. Hand it to every long call. */
  readonly signal: AbortSignal;
  readonly output: Output;
}

/** One call of the program: where it writes, and what stopped it. main() makes one; commands find it here, as yargs passes only arguments. */
export interface Invocation {
  readonly stdout: Stream;
  readonly stderr: Stream;
  stop?: Stop | undefined;
}

export const invocation = new AsyncLocalStorage<Invocation>();

/**
 * A yargs handler from a command's body: it makes the output and the abort signal, and takes the signal listeners away at the end. Errors
 * go up to main(), which prints them and chooses the exit code.
 */
export function command<A>(
  body: (args: A, context: CommandContext) => void | Promise<void>,
): (args: A) => Promise<void> {
  return async (args) => {
    const common = args as CommonArguments;
    const current: Invocation = invocation.getStore() ?? { stdout: process.stdout, stderr: process.stderr };
    const output = createOutput({
      json: common.json,
      quiet: common.quiet,
      stdout: current.stdout,
      stderr: current.stderr,
    });
    const stopper = createStopper({ timeout: common.timeout, onStop: output.note });
    try {
      await body(args, { signal: stopper.signal, output });
    } finally {
      current.stop = stopper.stop;
      stopper.dispose();
    }
  };
}
