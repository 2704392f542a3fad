import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readElf } from '../../../lib/native/elf.ts';
import { fakeElf } from '../../helpers/elf.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const folder = temporaryFolder();
const write = (name: string, bytes: Buffer | string): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

test('needed libraries, search path and machine are read', () => {
  const path = write(
    'a.so',
    fakeElf({ machine: 183, needed: ['libc10.so', 'libm.so.6'], rpath: '$ORIGIN/../x:$ORIGIN' }),
  );
  assert.deepEqual(readElf(path), {
    arch: 'arm64',
    needed: ['libc10.so', 'libm.so.6'],
    searchPath: ['$ORIGIN/../x', '$ORIGIN'],
  });
});

test("Node's own program is an ELF file of this machine", { skip: process.platform !== 'linux' }, () => {
  const facts = readElf(process.execPath);
  assert.equal(facts.arch, process.arch);
  assert.ok(facts.needed.some((name) => name.startsWith('libc.so')));
});

test('damaged files are told apart', () => {
  assert.throws(() => readElf(write('short.so', fakeElf().subarray(0, 150))), /cut short/);
  assert.throws(() => readElf(write('empty.so', '')), /cut short/);
  assert.throws(() => readElf(write('text.so', 'x'.repeat(100))), /not an ELF file/);
  const small = fakeElf();
  small[4] = 1;
  assert.throws(() => readElf(write('32.so', small)), /not a 64-bit/);
});
