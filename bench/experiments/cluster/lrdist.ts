/** The program from its source, as child processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';

export const cli = join(import.meta.dirname, '..', '..', '..', 'lib', 'cli', 'cli.ts');

export function start(args: readonly string[], log: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(process.execPath, [cli, ...args], {
    env: { ...process.env, LRDIST_THREADS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => appendFileSync(log, text));
  return child;
}

/** @throws if it does not end with 0 */
export async function run(args: readonly string[], log: string, env?: NodeJS.ProcessEnv): Promise<void> {
  const [code] = (await once(start(args, log, env), 'exit')) as [number | null];
  if (code !== 0) throw new Error(`lrdist ${args[0]} ended with ${code}: see ${log}`);
}
