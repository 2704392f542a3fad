import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { announcedSize, pipArguments } from '../../../lib/native/pip.ts';
import { silent } from '../../../lib/native/notice.ts';
import { requirementsFor, unresolved } from '../../../lib/native/wheel.ts';
import { fakeElf } from '../../helpers/elf.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const toolkit = [
  'Requires-Dist: filelock',
  'Requires-Dist: cuda-toolkit[cublas,cudart,cupti]==13.0.3; platform_system == "Linux"',
  'Requires-Dist: cuda-bindings<14,>=13.0.3; platform_system == "Linux"',
  'Requires-Dist: nvidia-cudnn-cu13==9.20.0.48; platform_system == "Linux"',
  'Requires-Dist: nvidia-cusparselt-cu13==0.8.1; platform_system == "Linux"',
].join('\n');

const single = [
  'Requires-Dist: nvidia-cuda-runtime-cu12==12.8.90; platform_system == "Linux" and platform_machine == "x86_64"',
  'Requires-Dist: nvidia-cuda-cupti-cu12==12.8.90; platform_system == "Linux" and platform_machine == "x86_64"',
].join('\n');

test('libraries are turned into the requirements that bring them', () => {
  assert.deepEqual(requirementsFor(toolkit, ['libcupti.so.13', 'libcudart.so.13']), {
    requirements: ['cuda-toolkit[cudart,cupti]==13.0.3'],
    unknown: [],
  });
  assert.deepEqual(requirementsFor(toolkit, ['libcusparseLt.so.0', 'libcudnn.so.9']).requirements, [
    'nvidia-cusparselt-cu13==0.8.1',
    'nvidia-cudnn-cu13==9.20.0.48',
  ]);
  assert.deepEqual(requirementsFor(single, ['libcudart.so.12', 'libcupti.so.12']).requirements, [
    'nvidia-cuda-runtime-cu12==12.8.90',
    'nvidia-cuda-cupti-cu12==12.8.90',
  ]);
  assert.deepEqual(requirementsFor(toolkit, ['libodd.so']), { requirements: [], unknown: ['libodd.so'] });
});

test("all of NVIDIA's wheels, and none of Python's", () => {
  assert.deepEqual(requirementsFor(toolkit).requirements, [
    'cuda-toolkit[cublas,cudart,cupti]==13.0.3',
    'nvidia-cudnn-cu13==9.20.0.48',
    'nvidia-cusparselt-cu13==0.8.1',
  ]);
});

test('what a library needs is followed through its search path', () => {
  const root = temporaryFolder();
  mkdirSync(join(root, 'lib'));
  mkdirSync(join(root, 'extra'));
  writeFileSync(
    join(root, 'lib/a.so'),
    fakeElf({ needed: ['b.so', 'libc.so.6', 'libcuda.so.1', 'libstdc++.so.6'], rpath: '$ORIGIN/../extra:$ORIGIN' }),
  );
  writeFileSync(join(root, 'extra/b.so'), fakeElf({ needed: ['c.so', 'a.so'], rpath: '$ORIGIN/../lib' }));
  assert.deepEqual(unresolved([join(root, 'lib/a.so')]), ['c.so']);
  writeFileSync(join(root, 'extra/c.so'), fakeElf());
  assert.deepEqual(unresolved([join(root, 'lib/a.so')]), []);
});

test("pip is asked for one wheel, whatever Python runs it, and with the user's own settings", () => {
  const request = { python: 'python3', requirements: ['torch==2.13.0'], folder: '/d', notices: silent };
  const args = pipArguments(request, 'x64').join(' ');
  for (const part of [
    '-m pip download',
    '--only-binary=:all:',
    '--no-deps',
    '--python-version 3.11',
    '--abi cp311',
    '--platform manylinux_2_28_x86_64',
    '--dest /d torch==2.13.0',
  ]) {
    assert.ok(args.includes(part), part);
  }
  assert.doesNotMatch(args, /index/);
  assert.match(pipArguments(request, 'arm64').join(' '), /manylinux_2_28_aarch64/);
  assert.doesNotMatch(pipArguments({ ...request, dependencies: true }).join(' '), /--no-deps/);
  assert.match(
    pipArguments({ ...request, extraIndex: 'https://example.org/cpu' }).join(' '),
    /--extra-index-url https:\/\/example\.org\/cpu --retries=1/,
  );
});

test("sizes are read from pip's own announcement", () => {
  assert.equal(announcedSize('  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (526.6 MB)'), 526.6e6);
  assert.equal(announcedSize('Downloading https://example.org/a.whl (2.5 kB)'), 2500);
  assert.equal(announcedSize('Downloading a.whl.metadata (1.5 kB)'), undefined);
  assert.equal(announcedSize('Collecting torch==2.13.0'), undefined);
});
