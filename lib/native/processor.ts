import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The compiler's macro for an instruction set, and the kernel's name of it in /proc/cpuinfo. */
const instructionSets: Readonly<Record<string, string>> = {
  __SSE3__: 'pni',
  __SSSE3__: 'ssse3',
  __SSE4_1__: 'sse4_1',
  __SSE4_2__: 'sse4_2',
  __POPCNT__: 'popcnt',
  __MOVBE__: 'movbe',
  __AES__: 'aes',
  __SHA__: 'sha_ni',
  __AVX__: 'avx',
  __F16C__: 'f16c',
  __FMA__: 'fma',
  __AVX2__: 'avx2',
  __BMI__: 'bmi1',
  __BMI2__: 'bmi2',
  __LZCNT__: 'abm',
  __AVXVNNI__: 'avx_vnni',
  __AVX512F__: 'avx512f',
  __AVX512CD__: 'avx512cd',
  __AVX512BW__: 'avx512bw',
  __AVX512DQ__: 'avx512dq',
  __AVX512VL__: 'avx512vl',
  __AVX512IFMA__: 'avx512ifma',
  __AVX512VBMI__: 'avx512vbmi',
  __AVX512VBMI2__: 'avx512_vbmi2',
  __AVX512VNNI__: 'avx512_vnni',
  __AVX512BITALG__: 'avx512_bitalg',
  __AVX512VPOPCNTDQ__: 'avx512_vpopcntdq',
  __AVX512BF16__: 'avx512_bf16',
  __AVX512FP16__: 'avx512_fp16',
  __GFNI__: 'gfni',
  __VAES__: 'vaes',
  __VPCLMULQDQ__: 'vpclmulqdq',
  __AMX_TILE__: 'amx_tile',
  __AMX_BF16__: 'amx_bf16',
};

/** Instruction sets that code compiled with `-march=march` may use, in the kernel's names. Empty when the compiler cannot say. */
export function compiledFlags(compiler: string, march: string): string[] {
  try {
    const text = execFileSync(
      compiler,
      [...(march === '' ? [] : [`-march=${march}`]), '-dM', '-E', '-x', 'c++', '/dev/null'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const defined = new Set(Array.from(text.matchAll(/^#define (\w+)/gm), (match) => match[1]!));
    return Object.entries(instructionSets).flatMap(([macro, flag]) => (defined.has(macro) ? [flag] : []));
  } catch {
    return [];
  }
}

/** Flags of this machine's first processor, or undefined where /proc/cpuinfo does not list any. */
export function processorFlags(cpuinfo = '/proc/cpuinfo'): ReadonlySet<string> | undefined {
  try {
    const flags = /^flags\s*:\s*(.*)$/m.exec(readFileSync(cpuinfo, 'utf8'))?.[1];
    return flags === undefined ? undefined : new Set(flags.split(' '));
  } catch {
    return undefined;
  }
}

/** Those of `needed` that the machine lacks. */
export function missingFlags(needed: readonly string[], present = processorFlags()): string[] {
  return present === undefined ? [] : needed.filter((flag) => !present.has(flag));
}
