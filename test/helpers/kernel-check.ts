/** The program kernel-check, built where the addon is built, and the driver that stands in for a GPU's. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const build = join(root, 'native', 'build');
const program = join(build, 'kernel-check');

/** Why kernel-check cannot be built here; false if it can. For `test(name, { skip }, ...)`. */
export const noKernelCheck: string | false = existsSync(join(build, 'CMakeCache.txt'))
  ? false
  : 'native/build is not configured: lrdist setup does it';

export function buildKernelCheck(): void {
  const cmake = spawnSync('cmake', ['--build', build, '--target', 'kernel-check', '--parallel', '2'], {
    encoding: 'utf8',
  });
  if (cmake.status !== 0) throw new Error(`kernel-check does not build:\n${cmake.stdout}${cmake.stderr}`);
}

export interface Ran {
  readonly status: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

export function kernelCheck(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Ran {
  const ran = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 1 << 24,
  });
  return { status: ran.status, lines: ran.stdout.trimEnd().split('\n'), errors: ran.stderr };
}

/** Compiles test/native/programs/fake-driver.cc into `folder`; the result is the environment in which programs find it in place of the driver. */
export function fakeDriver(folder: string): Record<string, string> {
  const source = join(root, 'test', 'native', 'programs', 'fake-driver.cc');
  const parts = ['', 'REST'].map((part) => {
    const object = join(folder, `fake${part}.o`);
    const define = part === '' ? [] : [`-D${part}`];
    execFileSync('c++', ['-std=c++20', '-fPIC', `-I${join(root, 'native')}`, ...define, '-c', source, '-o', object]);
    return object;
  });
  execFileSync('c++', ['-shared', '-Wl,-soname,libcuda.so.1', ...parts, '-o', join(folder, 'libcuda.so.1')]);
  return { LD_LIBRARY_PATH: folder };
}
