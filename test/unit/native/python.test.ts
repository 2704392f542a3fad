import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { silent } from '../../../lib/native/notice.ts';
import { pipDownload } from '../../../lib/native/pip.ts';
import { pythonWithPip, torchOf } from '../../../lib/native/python.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';
import { makeZip } from '../../helpers/zip.ts';

const noPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0 ? false : 'needs python3 with pip';

test('without pip there is one message with all the ways out', async () => {
  const bare = join(temporaryFolder(), 'bare');
  writeFileSync(bare, '#!/bin/sh\nexit 1\n');
  chmodSync(bare, 0o755);
  await assert.rejects(pythonWithPip(['/nonexistent/python3', bare]), {
    code: 'ERR_DOWNLOAD',
    message: /\/nonexistent\/python3: not found; .*bare: has no pip/,
    remedy: /python3-pip[^]*--archive[^]*LIBTORCH/,
  });
});

test('a command that is no Python is said to be none', () => {
  assert.throws(() => torchOf('/nonexistent/python3'), {
    code: 'ERR_LIBTORCH_NOT_FOUND',
    message: /does not run as a Python/,
  });
});

test('torch is found without importing it', { skip: noPip }, (t) => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'torch'));
  writeFileSync(join(folder, 'torch/__init__.py'), 'raise RuntimeError("imported")\n');
  const before = process.env['PYTHONPATH'];
  t.after(() => {
    if (before === undefined) delete process.env['PYTHONPATH'];
    else process.env['PYTHONPATH'] = before;
  });
  process.env['PYTHONPATH'] = folder;
  assert.equal(torchOf('python3'), join(folder, 'torch'));
});

test('the real pip takes the one wheel for our tags from a local folder', { skip: noPip }, async (t) => {
  const folder = temporaryFolder();
  const links = join(folder, 'links');
  mkdirSync(links);
  const wheel = (version: string): Buffer =>
    makeZip({
      [`lrdist_fake-${version}.dist-info/METADATA`]: `Metadata-Version: 2.1\nName: lrdist-fake\nVersion: ${version}\nRequires-Dist: lrdist-nonexistent\n`,
      [`lrdist_fake-${version}.dist-info/WHEEL`]:
        'Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n',
      [`lrdist_fake-${version}.dist-info/RECORD`]: '',
    });
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  for (const [version, tag] of [
    ['1.0+cpu', 'cp311-cp311'],
    ['1.0', 'cp311-cp311'],
    ['1.0', 'cp313-cp313'],
  ]) {
    writeFileSync(join(links, `lrdist_fake-${version}-${tag}-manylinux_2_28_${machine}.whl`), wheel(version!));
  }
  const settings = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: links, PIP_CONFIG_FILE: '/dev/null' };
  const before = Object.fromEntries(Object.keys(settings).map((name) => [name, process.env[name]]));
  t.after(() => {
    for (const [name, value] of Object.entries(before))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });
  Object.assign(process.env, settings);
  const get = async (requirement: string, to: string): Promise<string[]> =>
    (
      await pipDownload({ python: 'python3', requirements: [requirement], folder: join(folder, to), notices: silent })
    ).map((path) => basename(path));
  assert.deepEqual(await get('lrdist-fake==1.0', 'a'), [
    `lrdist_fake-1.0+cpu-cp311-cp311-manylinux_2_28_${machine}.whl`,
  ]);
  assert.deepEqual(await get('lrdist-fake===1.0', 'b'), [`lrdist_fake-1.0-cp311-cp311-manylinux_2_28_${machine}.whl`]);
  await assert.rejects(get('lrdist-fake==9.9', 'c'), { code: 'ERR_DOWNLOAD', message: /lrdist-fake==9\.9/ });
});
