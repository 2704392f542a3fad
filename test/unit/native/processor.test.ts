import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compiledFlags, missingFlags, processorFlags } from '../../../lib/native/processor.ts';
import { toolVersion } from '../../../lib/native/tools.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

test('flags come from cpuinfo', () => {
  const path = join(temporaryFolder(), 'cpuinfo');
  writeFileSync(path, 'processor\t: 0\nflags\t\t: fpu sse4_2 avx2\nbugs\t\t: none\n\nprocessor\t: 1\nflags\t\t: fpu\n');
  const flags = processorFlags(path);
  assert.deepEqual(flags, new Set(['fpu', 'sse4_2', 'avx2']));
  assert.deepEqual(missingFlags(['avx2', 'avx512f'], flags), ['avx512f']);
  writeFileSync(path, 'Features\t: asimd\n');
  assert.equal(processorFlags(path), undefined);
  assert.equal(processorFlags('/nonexistent'), undefined);
});

test('the compiler tells what -march allows', {
  skip: process.arch !== 'x64' || toolVersion('c++') === undefined,
}, () => {
  const v3 = compiledFlags('c++', 'x86-64-v3');
  assert.ok(v3.includes('avx2') && v3.includes('fma') && v3.includes('sse4_2'));
  assert.ok(!v3.some((flag) => flag.startsWith('avx512')));
  assert.deepEqual(compiledFlags('c++', 'no-such-processor'), []);
});

test('what is compiled for this machine runs on it', {
  skip: process.arch !== 'x64' || toolVersion('c++') === undefined,
}, () => {
  assert.deepEqual(missingFlags(compiledFlags('c++', 'native')), []);
});
