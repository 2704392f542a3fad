/** The program kernel-check, built where the addon is built, and the driver that stands in for a GPU's. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from '../../lib/native/lock.ts';

const root = join(import.meta.dirname, '..', '..');
const build = join(root, 'native', 'build');
const program = join(build, 'kernel-check');

/** Why kernel-check cannot be built here; false if it can. For `test(name, { skip }, ...)`. */
export const noKernelCheck: string | false = existsSync(join(build, 'CMakeCache.txt'))
  ? false
  : 'native/build is not configured: lrdist setup does it';

/** Test files run side by side: one of them builds, the others wait and find it built. */
export async function buildKernelCheck(): Promise<void> {
  await withLock(join(build, '.kernel-check.lock'), async () => {
    try {
      await promisify(execFile)('cmake', ['--build', build, '--target', 'kernel-check', '--parallel', '2'], {
        maxBuffer: 1 << 26,
      });
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string };
      throw new Error(`kernel-check does not build:\n${stdout ?? ''}${stderr ?? ''}`, { cause: error });
    }
  });
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
    timeout: 300_000,
  });
  if (ran.error !== undefined) throw ran.error;
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

/** Compiles test/native/programs/fake-nccl.cc into `folder`; the result is the environment in which programs take it for NCCL. */
export function fakeNccl(folder: string): Record<string, string> {
  const [source, library] = [join(root, 'test', 'native', 'programs', 'fake-nccl.cc'), join(folder, 'libnccl.so.2')];
  execFileSync('c++', ['-std=c++20', '-shared', '-fPIC', `-I${join(root, 'native')}`, source, '-o', library]);
  return { LRDIST_NCCL: library };
}
