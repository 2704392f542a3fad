/** The Python that the peers run in: PYTHON, or the one that `npm run bench -- peers` made in the work folder, or python3. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './side.ts';

/** Where finished runs, models and the peers' Python are when --work does not say. */
export const defaultWork = join(tmpdir(), 'lrdist-bench');

const requirements = join(root, 'bench', 'peers', 'requirements.txt');

/** @throws Error naming the remedy when transformers is not there */
export function peersPython(work: string): string {
  const program = findPython(work);
  const { status } = spawnSync(program, [
    '-c',
    'import importlib.util as u, sys; sys.exit(u.find_spec("transformers") is None)',
  ]);
  if (status !== 0)
    throw new Error(
      `${program} has no transformers: \`npm run bench -- peers\` installs the peers, or PYTHON names a Python that has them.`,
    );
  return program;
}

export function findPython(
  work: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const own = join(work, 'python', 'bin', 'python3');
  return environment['PYTHON'] ?? (existsSync(own) ? own : 'python3');
}

/** A virtual environment in the work folder with the peers' pinned versions. What python3 already has in that version is used as it is. */
export function installPeers(work: string, log: (line: string) => void): void {
  mkdirSync(work, { recursive: true });
  const folder = join(work, 'python');
  const python = join(folder, 'bin', 'python3');
  if (!existsSync(python))
    step(log, process.env['PYTHON'] ?? 'python3', ['-m', 'venv', '--system-site-packages', folder]);
  step(log, python, ['-m', 'pip', 'install', '--disable-pip-version-check', '--requirement', requirements]);
}

function step(log: (line: string) => void, program: string, parameters: readonly string[]): void {
  log([program, ...parameters].join(' '));
  const { status, error } = spawnSync(program, parameters, { stdio: ['ignore', 2, 2] });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
}
