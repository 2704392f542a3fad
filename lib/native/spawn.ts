import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface SpawnOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  readonly onLine: (line: string) => void;
}

export interface SpawnResult {
  readonly code: number | null;
  /** The last lines of both streams. */
  readonly tail: readonly string[];
}

/** Runs a program to its end, line by line. Rejects with the signal's reason if stopped, with the system's error if it cannot start. */
export async function runLines(command: string, args: readonly string[], options: SpawnOptions): Promise<SpawnResult> {
  options.signal?.throwIfAborted();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    signal: options.signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const tail: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => {
      tail.push(line);
      if (tail.length > 40) tail.shift();
      options.onLine(line);
    });
  }
  return await new Promise<SpawnResult>((resolve, reject) => {
    child.once('error', (error) => reject(options.signal?.aborted === true ? (options.signal.reason as Error) : error));
    child.once('close', (code) => resolve({ code, tail }));
  });
}
