// Kernels on the emulator against the processor's, the emulator, the devices and their errors: what kernel-check checks, and how it ends.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { buildKernelCheck, fakeDriver, fakeNccl, kernelCheck, noKernelCheck } from '../helpers/kernel-check.ts';
import { temporaryFolder } from '../helpers/temporary.ts';

describe('kernel-check', { skip: noKernelCheck }, () => {
  before(buildKernelCheck);

  for (const order of ['forward', 'backward', 'shuffled']) {
    test(`every check passes on the emulator, its threads ${order}`, () => {
      const names = kernelCheck(['--list']).lines;
      assert.ok(
        names.includes('keep_factors') && names.includes('device_graphs') && names.includes('emulator_mistakes'),
      );
      const { lines, status, errors } = kernelCheck(['--order', order]);
      assert.deepEqual(
        lines.slice(1),
        names.map((name) => `${name} ok`),
        errors,
      );
      assert.equal(status, 0);
    });
  }

  test('a name that is not there, a device that is not there', () => {
    assert.equal(kernelCheck(['nothing']).status, 2);
    assert.equal(kernelCheck(['--device', 'tpu']).status, 2);
  });

  describe('the exchange of devices that train one job', () => {
    let nccl: Record<string, string>;
    const folder = temporaryFolder();
    before(() => {
      nccl = fakeNccl(folder);
    });
    const exchange = (devices: readonly string[], environment: Record<string, string> = {}) =>
      kernelCheck(['--exchange', devices.join(',')], environment);

    for (const count of [1, 2, 3, 5])
      test(`${count} ranks have the same sums, and none waits for one that failed`, () => {
        for (const device of ['emulated', 'nccl']) {
          const { lines, status } = exchange(Array<string>(count).fill(device), nccl);
          assert.deepEqual(lines, [`exchange of ${count} devices ok`], device);
          assert.equal(status, 0);
        }
      });

    test('an error of NCCL ends the job of all ranks', () => {
      const { lines, status } = exchange(['nccl', 'nccl', 'nccl'], { ...nccl, FAKE_NCCL_FAILS: '2' });
      assert.match(lines[0]!, /FAILED: exchanging between GPUs: NCCL: a failure that was asked for/);
      assert.equal(status, 1);
    });

    test('without NCCL', () => {
      const { lines } = exchange(['nccl', 'nccl'], { LRDIST_NCCL: '/nowhere/libnccl.so.2' });
      assert.match(lines[0]!, /FAILED: several GPUs exchange gradients by NCCL, and no libnccl\.so\.2 can be opened/);
    });
  });

  describe('with a driver that stands in for one', () => {
    let driver: Record<string, string>;
    const folder = temporaryFolder();
    before(() => {
      driver = fakeDriver(folder);
    });
    const says = (device: string, environment: Record<string, string>, text: RegExp) => {
      const { status, errors } = kernelCheck(['--open', device], { ...driver, ...environment });
      assert.match(errors, text);
      assert.equal(status, 2);
    };

    test('errors say which part is missing', () => {
      if (kernelCheck(['--open', 'cuda']).errors.includes('no NVIDIA driver'))
        says('cuda', { LD_LIBRARY_PATH: '' }, /^cuda: no NVIDIA driver: .*libcuda/);
      says('cuda:1', { FAKE_CUDA_INIT: '100' }, /^cuda:1: the NVIDIA driver finds no GPU/);
      says('cuda', { FAKE_CUDA_INIT: '3' }, /^cuda: the NVIDIA driver does not start: CUDA_ERROR_FAKE/);
      says(
        'cuda',
        { FAKE_CUDA_VERSION: '12040' },
        /built without CUDA; the driver supports CUDA up to 12\.4|up to 12\.4, and this libtorch is built for CUDA/,
      );
      says('cuda:', {}, /no device called 'cuda:'/);
    });

    test('no compiler', () => {
      const { errors } = kernelCheck(['--device', 'cuda', 'one_text'], {
        ...driver,
        LRDIST_NVRTC: '/nowhere/libnvrtc.so',
      });
      assert.match(errors, /no NVRTC .* was found beside libtorch; .*\/nowhere\/libnvrtc\.so/);
    });
  });
});
