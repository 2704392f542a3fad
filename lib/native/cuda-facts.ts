/** What can be seen of CUDA without loading anything. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cudaOfLibraries } from './cuda-advice.ts';
import { readElf } from './elf.ts';

/** CUDA's major version of a libtorch, from what its library asks for. */
export function libtorchCuda(folder: string): string | undefined {
  try {
    return cudaOfLibraries(readElf(join(folder, 'lib', 'libtorch_cuda.so')).needed);
  } catch {
    return undefined;
  }
}

/** Files of NVRTC's built-in functions in the folder of NVRTC. */
export function builtinsBeside(nvrtc: string): readonly string[] {
  try {
    return nvrtc.includes('/')
      ? readdirSync(dirname(nvrtc)).filter((name) => /^libnvrtc-builtins.*\.so/.test(name))
      : [];
  } catch {
    return [];
  }
}

/** Version of the loaded kernel module. Not from nvidia-smi, which containers may lack. */
export function nvidiaDriver(): string | undefined {
  try {
    return (
      /Kernel Module(?: for \S+)?\s+(\S+)/.exec(readFileSync('/proc/driver/nvidia/version', 'utf8'))?.[1] ?? 'unknown'
    );
  } catch {
    return undefined;
  }
}
