import assert from 'node:assert/strict';
import type { CommandModule } from 'yargs';
import type { ErrorCode } from '../../../lib/errors.ts';
import { main } from '../../../lib/cli/main.ts';
import type { CommandEntry } from '../../../lib/cli/registry.ts';

export class Capture {
  text = '';
  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program in this process with captured output. Commands whose results are of interest get their own streams. */
export async function run(argv: readonly string[], commands?: readonly CommandEntry[]): Promise<Ran> {
  const stdout = new Capture();
  const stderr = new Capture();
  const code = await main(argv, { stdout, stderr, ...(commands === undefined ? {} : { commands }) });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** The error of a --json document. */
export function errorIn(stdout: string): { code: string; message: string; remedy?: string } {
  return (JSON.parse(stdout) as { error: { code: string; message: string } }).error;
}

/** A registry of one command. */
export function only(module: object, loaded?: () => void): CommandEntry[] {
  const load = async (): Promise<CommandModule> => {
    loaded?.();
    return module as CommandModule;
  };
  return [{ name: 'work', describe: 'does some work', load }];
}

/** The call must throw an error with this code, and a message like this. */
export function refuses(call: () => unknown, code: ErrorCode, message = /./): void {
  assert.throws(call, (error: Error & { code?: string }) => {
    assert.equal(error.code, code, String(error));
    assert.match(error.message, message);
    return true;
  });
}
