// The kernels' source as a GPU's compilers see it: nvcc and NVRTC, where they are; our declarations of the driver against its header. No GPU is needed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { buildKernelCheck, fakeDriver, kernelCheck, noKernelCheck } from '../helpers/kernel-check.ts';
import { temporaryFolder } from '../helpers/temporary.ts';

const root = join(import.meta.dirname, '..', '..');
const nvcc = (args: readonly string[]) => spawnSync('nvcc', args, { encoding: 'utf8', cwd: root });
const noNvcc = nvcc(['--version']).status === 0 ? false : 'there is no nvcc on PATH';

function pythonPackages(): readonly string[] {
  const { stdout } = spawnSync('python3', ['-c', 'import sys; print("\\n".join(sys.path))'], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').filter((line) => line.endsWith('-packages'));
}

test('declarations of the driver agree with cuda.h', { skip: noNvcc }, () => {
  const source = join('test', 'native', 'programs', 'driver-declarations.cc');
  const { status, stderr } = nvcc(['-std=c++20', '-Inative', '-c', source, '-o', '/dev/null']);
  assert.equal(status, 0, stderr);
});

// Its header comes with the NVIDIA package beside torch, or a system's NCCL.
test('declarations of NCCL agree with nccl.h', { skip: noNvcc }, (t) => {
  const source = join('test', 'native', 'programs', 'nccl-declarations.cc');
  const beside = ['', ...pythonPackages()].map((folder) => join(folder, 'nvidia', 'nccl', 'include'));
  const { status, stderr } = nvcc([
    '-std=c++20',
    '-Inative',
    ...beside.map((folder) => `-I${folder}`),
    '-c',
    source,
    '-o',
    '/dev/null',
  ]);
  if (stderr.includes('nccl.h: No such file')) t.skip('there is no nccl.h');
  else assert.equal(status, 0, stderr);
});

describe('the source in one piece', { skip: noKernelCheck }, () => {
  const folder = temporaryFolder();
  let source: string;
  let driver: Record<string, string>;
  before(async () => {
    await buildKernelCheck();
    source = kernelCheck(['--source']).lines.join('\n');
    driver = fakeDriver(folder);
  });

  for (const architecture of ['sm_80', 'sm_90', 'sm_100'])
    test(`nvcc compiles it for ${architecture}`, { skip: noNvcc }, () => {
      const file = join(folder, `${architecture}.cu`);
      writeFileSync(file, source);
      const { status, stderr } = nvcc([
        '-std=c++17',
        `-arch=${architecture}`,
        '-Werror=all-warnings',
        '-cubin',
        '-o',
        join(folder, `${architecture}.cubin`),
        file,
      ]);
      assert.equal(status, 0, stderr);
    });

  // The driver that stands in for one writes down what it is given.
  test('NVRTC compiles it, once', (t) => {
    const image = join(folder, 'image');
    const run = (environment: Record<string, string> = {}) =>
      kernelCheck(['--device', 'cuda', 'one_text'], {
        ...driver,
        LRDIST_CACHE: folder,
        FAKE_CUDA_IMAGE: image,
        ...environment,
      });
    const first = run();
    if (first.errors.includes('no NVRTC')) {
      t.skip('there is no libnvrtc.so, in LRDIST_NVRTC or beside libtorch');
      return;
    }
    assert.equal(first.status, 0, first.errors);
    const bytes = readFileSync(image);
    assert.equal(bytes.subarray(0, 4).toString('latin1'), '\x7fELF');
    const kernels = Array.from(source.matchAll(/^LRDIST_KERNEL\((\w+),/gm), (match) => match[1]!);
    assert.ok(kernels.length > 20);
    assert.deepEqual(
      kernels.filter((name) => !bytes.includes(`.text.lrdist_${name}\0`)),
      [],
    );

    const cache = join(folder, 'kernels');
    assert.equal(readdirSync(cache).length, 1);
    const kept = join(cache, readdirSync(cache)[0]!);
    const whole = readFileSync(kept);
    assert.equal(run().status, 0);
    assert.deepEqual(readFileSync(image), bytes);
    assert.deepEqual(readFileSync(kept), whole);
    truncateSync(kept, 1000);
    assert.equal(run().status, 0);
    assert.equal(readFileSync(image).length, bytes.length);
    assert.equal(readFileSync(kept).length, whole.length);

    assert.match(run({ FAKE_CUDA_CAPABILITY: '75' }).errors, /compute capability 7\.5 is too low/);
  });
});
