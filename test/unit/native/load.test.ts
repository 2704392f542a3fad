import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BOUNDARY_VERSION } from '../../../lib/native/boundary.ts';
import { addonCandidates, checkModule, loadFirst } from '../../../lib/native/load.ts';
import { type BuildMetadata, writeMetadata } from '../../../lib/native/metadata.ts';
import { remedies } from '../../../lib/native/remedies.ts';
import { fakeElf } from '../../helpers/elf.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const folder = temporaryFolder();
const write = (name: string, bytes: Buffer | string): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

test('no addon at all: the message names the places and the command', () => {
  assert.throws(() => loadFirst([join(folder, 'none.node')]), {
    code: 'ERR_NATIVE_NOT_BUILT',
    message: /none\.node/,
    remedy: /lrdist setup/,
  });
});

test('LRDIST_ADDON is the only candidate when it is set', (t) => {
  const before = process.env['LRDIST_ADDON'];
  t.after(() => {
    if (before === undefined) delete process.env['LRDIST_ADDON'];
    else process.env['LRDIST_ADDON'] = before;
  });
  process.env['LRDIST_ADDON'] = '/some/where.node';
  assert.deepEqual(addonCandidates(), ['/some/where.node']);
  delete process.env['LRDIST_ADDON'];
  assert.equal(addonCandidates().length, 1);
  assert.match(addonCandidates()[0]!, /native\/build\/Release\/lrdist\.node$/);
});

test('every failure is told, with a remedy for each cause', () => {
  const other = write('other.node', fakeElf({ machine: 243 }));
  const text = write('text.node', 'not a library, but long enough to have a header of sixty-four bytes');
  assert.throws(
    () => loadFirst([other, join(folder, 'none.node'), text]),
    (error: Error & { code: string; remedy: string }) => {
      assert.equal(error.code, 'ERR_NATIVE_LOAD');
      assert.match(error.message, /other\.node: it was built for machine 243, this Node is /);
      assert.match(error.message, /text\.node: not an ELF file/);
      assert.doesNotMatch(error.message, /none\.node/);
      assert.match(error.remedy, /^Possible solutions:\n {2}- Build it again.*\n {2}- The file is damaged/);
      return true;
    },
  );
});

test('a library that the dynamic linker refuses keeps the linker’s words', () => {
  const broken = write('broken.node', fakeElf({ needed: ['libtorch_cpu_of_nowhere.so'] }));
  assert.throws(() => loadFirst([broken]), { code: 'ERR_NATIVE_LOAD', message: /broken\.node: .+/ });
});

test('an addon for another processor is not run', { skip: process.arch !== 'x64' }, () => {
  const path = write('fast.node', fakeElf());
  const metadata: BuildMetadata = {
    format: 'lrdist-build/1',
    libtorch: { path: '/x', version: '2.13.0', device: 'cpu', cxx11Abi: true },
    sources: '',
    march: 'native',
    processorFlags: ['sse4_2', 'flag_of_the_future'],
    compiler: 'c++',
    date: '',
  };
  writeMetadata(path, metadata);
  assert.throws(() => loadFirst([path]), {
    code: 'ERR_NATIVE_LOAD',
    message: /another processor; this one lacks flag_of_the_future\b/,
  });
});

test('a module is checked before it is used', () => {
  const info = { boundaryVersion: BOUNDARY_VERSION, libtorchCompiled: '2.13.0', libtorchLoaded: '2.13.0' };
  const module = (changes: object): object => ({ info: () => ({ ...info, ...changes }), Session: class {} });
  const good = module({});
  assert.equal(checkModule(good), good);
  assert.throws(() => checkModule({}), /not the lrdist addon/);
  assert.throws(() => checkModule(module({ boundaryVersion: 0 })), /boundary version 0/);
  assert.throws(
    () => checkModule(module({ libtorchLoaded: '2.14.1' })),
    /compiled with libtorch 2\.13\.0 and met libtorch 2\.14\.1/,
  );
});

test('remedies fit the cause', () => {
  const cases: [message: string, remedy: RegExp][] = [
    ['libtorch_cpu.so: cannot open shared object file: No such file or directory', /libtorch is not where it was/],
    ['libfoo.so.1: cannot open shared object file: No such file or directory', /system library is missing/],
    ["/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found", /newer C or C\+\+ library/],
    ['undefined symbol: _ZN2at4_ops2mm4callE', /compiled against another libtorch/],
    ['it was compiled with libtorch 2.13.0 and met libtorch 2.14.1', /LD_LIBRARY_PATH/],
    ['cannot allocate memory in static TLS block', /before other native packages/],
    ['something new', /Build it again/],
  ];
  for (const [message, remedy] of cases) assert.match(remedies([message]), remedy);
  assert.equal(remedies(['undefined symbol: a', 'undefined symbol: b']).match(/compiled against/g)?.length, 1);
});
