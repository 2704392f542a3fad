import { spawn } from 'node:child_process';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');

/** One program of a comparison; each measurement is a process of its own. */
export interface Side {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs a side to its end and returns the JSON document it printed (its last line that is one, or all of its output). */
export async function runSide(side: Side): Promise<Record<string, unknown>> {
  const [program, ...parameters] = side.command;
  const child = spawn(program, parameters, {
    cwd: root,
    env: { ...process.env, ...side.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)));
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const document = lastDocument(output);
  if (code !== 0 || document === undefined)
    throw new Error(`${side.name} ended with ${code}: ${side.command.join(' ')}\n${errors}\n${output.slice(-2000)}`);
  return document;
}

function lastDocument(output: string): Record<string, unknown> | undefined {
  for (const text of [output, ...output.trim().split('\n').reverse()]) {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch {
      // not this line
    }
  }
  return undefined;
}

/** The command as a reader can repeat it: folders of this machine become names. */
export function shown(side: Side, folders: Readonly<Record<string, string>>): string {
  let text = side.command
    .map((word) => (word === process.execPath ? 'node' : word.includes(' ') ? JSON.stringify(word) : word))
    .join(' ');
  for (const [name, folder] of Object.entries(folders)) text = text.replaceAll(folder, name);
  text = text.replaceAll(`${root}/`, '');
  const environment = Object.entries(side.environment ?? {}).map(([name, value]) => `${name}=${value} `);
  return environment.join('') + text;
}

export function number(document: Record<string, unknown>, key: string): number {
  const value = document[key];
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new Error(
      `expected a number at ${key}, received ${String(value)} (keys: ${Object.keys(document).join(', ')})`,
    );
  return value;
}
