import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { env } from '../env.ts';
import { LrdistError } from '../errors.ts';

const run = promisify(execFile);

/** Finds torch without importing it (that takes seconds). */
const findTorch = `
import importlib.util
spec = importlib.util.find_spec("torch")
print("torch=" + (list(spec.submodule_search_locations)[0] if spec and spec.submodule_search_locations else ""))
`;

/** Folder of a Python's torch package (it has include/ and lib/), or undefined when that Python has none. */
export function torchOf(python: string): string | undefined {
  let text: string;
  try {
    text = execFileSync(python, ['-c', findTorch], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (cause) {
    throw new LrdistError('ERR_LIBTORCH_NOT_FOUND', `${python} does not run as a Python.`, {
      remedy: 'Give the command or path of a Python 3.',
      cause,
    });
  }
  const path = /^torch=(.*)$/m.exec(text)?.[1];
  return path === undefined || path === '' ? undefined : path;
}

/** The first of python3 and python that has pip. @throws LrdistError `ERR_DOWNLOAD` with remedies when none has */
export async function pythonWithPip(candidates: readonly string[] = ['python3', 'python']): Promise<string> {
  const tried: string[] = [];
  for (const python of candidates) {
    try {
      await run(python, ['-m', 'pip', '--version']);
      return python;
    } catch (error) {
      tried.push(`${python}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'not found' : 'has no pip'}`);
    }
  }
  throw new LrdistError(
    'ERR_DOWNLOAD',
    `libtorch is obtained through Python's pip, and there is none (${tried.join('; ')}).`,
    {
      remedy: [
        'Any of these helps:',
        '  - install Python 3 with pip (python3-pip in most distributions)',
        '  - download a libtorch archive yourself and run `npx lrdist setup --archive FILE`, or give its address with --url',
        '  - set LIBTORCH to a libtorch you have, or --python to a Python with torch',
      ].join('\n'),
    },
  );
}

/** Python asked for through the environment. */
export function pythonFromEnvironment(): string | undefined {
  return env('LIBTORCH_USE_PYTORCH') === '1' ? 'python3' : undefined;
}
