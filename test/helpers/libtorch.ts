import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fakeElf } from './elf.ts';

export interface FakeLibtorch {
  readonly version?: string;
  readonly cuda?: boolean;
  readonly cxx11?: boolean;
  /** Libraries that libtorch_cpu asks for besides libc10. */
  readonly needs?: readonly string[];
}

/** Files of a libtorch that looks whole, by path below its folder. */
export function libtorchFiles({
  version = '2.13.0',
  cuda = false,
  cxx11 = true,
  needs = [],
}: FakeLibtorch = {}): Record<string, string | Buffer> {
  const [major, minor, patch] = version.split('.');
  const rpath = '$ORIGIN/../../nvidia/cu13/lib:$ORIGIN';
  return {
    'include/ATen/ATen.h': '#pragma once\n',
    'include/torch/headeronly/version.h': `#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH ${patch}\n`,
    'lib/libc10.so': fakeElf({
      rpath,
      extra: cxx11 ? '_ZN3c105ErrorC1ENSt7__cxx1112basic_stringE' : '_ZN3c105ErrorC1ESs',
    }),
    'lib/libtorch_cpu.so': fakeElf({ needed: ['libc10.so', 'libc.so.6', ...needs], rpath }),
    'lib/libtorch_python.so': fakeElf(),
    ...(cuda ? { 'lib/libtorch_cuda.so': fakeElf({ needed: ['libtorch_cpu.so'], rpath }) } : {}),
  };
}

export function writeLibtorch(folder: string, libtorch: FakeLibtorch = {}): string {
  for (const [name, content] of Object.entries(libtorchFiles(libtorch))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Entries of a torch wheel. */
export function wheelFiles(
  libtorch: FakeLibtorch = {},
  requires: readonly string[] = [],
): Record<string, string | Buffer> {
  const inside = Object.entries(libtorchFiles(libtorch)).map(([name, content]): [string, string | Buffer] => [
    `torch/${name}`,
    content,
  ]);
  const metadata = [
    'Metadata-Version: 2.4',
    'Name: torch',
    ...requires.map((requirement) => `Requires-Dist: ${requirement}`),
    '',
  ].join('\n');
  return {
    ...Object.fromEntries(inside),
    'torch/__init__.py': '',
    [`torch-${libtorch.version ?? '2.13.0'}.dist-info/METADATA`]: metadata,
  };
}
