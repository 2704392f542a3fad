import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { buildAddon, reasonsToBuild } from '../../../lib/native/build.ts';
import { builtAddon } from '../../../lib/native/folders.ts';
import { inspectLibtorch } from '../../../lib/native/libtorch.ts';
import {
  type BuildMetadata,
  hashSources,
  readMetadata,
  staleReasons,
  writeMetadata,
} from '../../../lib/native/metadata.ts';
import { silent } from '../../../lib/native/notice.ts';
import { writeLibtorch } from '../../helpers/libtorch.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const metadata: BuildMetadata = {
  format: 'lrdist-build/1',
  libtorch: { path: '/opt/libtorch', version: '2.13.0', device: 'cpu', cxx11Abi: true },
  sources: 'abc',
  march: 'native',
  processorFlags: ['avx2'],
  compiler: 'c++',
  date: '2026-01-01T00:00:00.000Z',
};

test('a build fits only what it was built from', () => {
  assert.deepEqual(staleReasons(metadata, metadata), []);
  assert.deepEqual(staleReasons(undefined, metadata), ['the addon has not been built']);
  const changes: [Partial<BuildMetadata>, RegExp][] = [
    [{ sources: 'abd' }, /sources have changed/],
    [{ march: 'x86-64-v3' }, /-march=native/],
    [{ libtorch: { ...metadata.libtorch, path: '/opt/other' } }, /now in \/opt\/other/],
    [{ libtorch: { ...metadata.libtorch, version: '2.14.0' } }, /2\.14\.0, it was built with 2\.13\.0/],
    [{ libtorch: { ...metadata.libtorch, device: 'cuda' } }, /now a cuda build/],
    [{ libtorch: { ...metadata.libtorch, cxx11Abi: false } }, /C\+\+ ABI/],
  ];
  for (const [change, reason] of changes) {
    const reasons = staleReasons(metadata, { ...metadata, ...change });
    assert.equal(reasons.length, 1);
    assert.match(reasons[0]!, reason);
  }
  assert.match(staleReasons(metadata, metadata, ['avx512f'])[0]!, /lacks avx512f/);
});

test('metadata comes back as it was written; anything else counts as none', () => {
  const addon = join(temporaryFolder(), 'lrdist.node');
  assert.equal(readMetadata(addon), undefined);
  writeMetadata(addon, metadata);
  assert.deepEqual(readMetadata(addon), metadata);
  writeFileSync(addon.replace('.node', '.json'), '{"format": "lrdist-build/1"');
  assert.equal(readMetadata(addon), undefined);
  writeFileSync(addon.replace('.node', '.json'), JSON.stringify({ ...metadata, format: 'lrdist-build/9' }));
  assert.equal(readMetadata(addon), undefined);
});

/** A package folder with a few native sources. */
function fakePackage(
  files: Readonly<Record<string, string>> = {
    'CMakeLists.txt': 'project(x)',
    'native/a.cc': 'int a;',
    'native/core/b.h': 'int b;',
  },
): string {
  const root = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

test('the hash of the sources sees names and contents, and not the build folder', () => {
  const root = fakePackage();
  const before = hashSources(root);
  mkdirSync(join(root, 'native/build'));
  writeFileSync(join(root, 'native/build/generated.cc'), 'x');
  assert.equal(hashSources(root), before);
  writeFileSync(join(root, 'native/core/b.h'), 'int c;');
  const changed = hashSources(root);
  assert.notEqual(changed, before);
  writeFileSync(join(root, 'native/core/c.cc'), '');
  const added = hashSources(root);
  assert.notEqual(added, changed);
  renameSync(join(root, 'native/core/c.cc'), join(root, 'native/core/d.cc'));
  assert.notEqual(hashSources(root), added);
});

test('a build that fits is left alone, without looking for tools', async () => {
  const root = fakePackage();
  const libtorch = inspectLibtorch(writeLibtorch(join(root, 'libtorch')));
  const addon = builtAddon(root);
  mkdirSync(dirname(addon), { recursive: true });
  writeMetadata(addon, { ...metadata, libtorch, sources: hashSources(root), processorFlags: [] });
  const path = process.env['PATH'];
  process.env['PATH'] = '/nonexistent';
  try {
    const result = await buildAddon({ root, libtorch, notices: silent });
    assert.equal(result.built, false);
    assert.deepEqual(reasonsToBuild({ root, libtorch }), []);
    writeFileSync(join(root, 'native/a.cc'), 'long a;');
    assert.deepEqual(reasonsToBuild({ root, libtorch }), ['its sources have changed']);
    await assert.rejects(buildAddon({ root, libtorch, notices: silent }), {
      code: 'ERR_NATIVE_BUILD',
      message: /missing: CMake .*; a C\+\+20 compiler .*; Ninja or Make/,
    });
  } finally {
    process.env['PATH'] = path;
  }
});
