import { execFileSync } from 'node:child_process';
import { LrdistError } from '../errors.ts';

export interface Tool {
  readonly name: string;
  /** First line of its version text, or undefined when it is not there. */
  readonly version: string | undefined;
}

export function toolVersion(command: string): string | undefined {
  try {
    return execFileSync(command, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')[0]!
      .trim();
  } catch {
    return undefined;
  }
}

/** The tools a build needs: CMake, a C++ compiler, and Ninja or Make. */
export function buildTools(): Tool[] {
  const compiler = process.env['CXX'] ?? 'c++';
  return ['cmake', compiler, 'ninja', 'make'].map((name) => ({ name, version: toolVersion(name) }));
}

/** @throws LrdistError `ERR_NATIVE_BUILD` naming all that is missing at once */
export function requireTools(tools: readonly Tool[] = buildTools()): void {
  const [cmake, compiler, ninja, make] = tools;
  const missing: string[] = [];
  if (cmake?.version === undefined) missing.push('CMake 3.15 or newer (package cmake)');
  if (compiler?.version === undefined)
    missing.push('a C++20 compiler (package g++ 11 or newer, or clang 14; CXX names another)');
  if (ninja?.version === undefined && make?.version === undefined)
    missing.push('Ninja or Make (package ninja-build or make)');
  if (missing.length === 0) return;
  throw new LrdistError('ERR_NATIVE_BUILD', `The addon cannot be built here; missing: ${missing.join('; ')}.`, {
    remedy: 'Install what is missing and run `npx lrdist setup` again.',
  });
}
