import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cudaAdvice, type CudaFacts, cudaOfDriver, cudaOfLibraries } from '../../../lib/native/cuda-advice.ts';
import { setupAdvice } from '../../../lib/native/setup.ts';

const card = { name: 'cuda:0', description: 'NVIDIA H200', capability: '9.0' };
const found = { libtorch: '13.0', driver: '13.0', nvrtc: '/site/nvidia/cu13/lib/libnvrtc.so.13', problem: '' };
const fits: CudaFacts = {
  driver: '580.65.06',
  libtorch: 'cuda',
  libtorchCuda: '13',
  found,
  devices: [card],
  builtins: ['libnvrtc-builtins.so.13.0'],
};
const nothing = { libtorch: '', driver: '', nvrtc: '', problem: '' };

test('nothing to do where all fits, and nothing that worries where there is no driver', () => {
  assert.deepEqual(cudaAdvice(fits), []);
  assert.deepEqual(cudaAdvice({ ...fits, driver: undefined }), []);
  const none = { driver: undefined, devices: [], builtins: [] };
  const problem = 'no NVIDIA driver: libcuda.so.1: cannot open shared object file';
  for (const libtorch of ['cpu', 'cuda', undefined] as const)
    for (const found of [undefined, nothing, { ...nothing, problem }, { ...nothing, libtorch: '13.0', problem }])
      assert.deepEqual(cudaAdvice({ ...none, libtorch, libtorchCuda: '13', found }), []);
});

test('one sentence for each thing that does not fit', () => {
  const cases: readonly (readonly [Partial<CudaFacts>, RegExp])[] = [
    [{ libtorch: 'cpu', libtorchCuda: undefined, found: nothing, devices: [] }, /setup --device cuda/],
    [{ found: { ...found, driver: '' }, devices: [] }, /libcuda\.so\.1 is not found: .*--gpus all/],
    [
      {
        driver: '550.54.14',
        found: { ...found, driver: '12.4', problem: 'the NVIDIA driver is too old' },
        devices: [],
      },
      /driver 550\.54\.14 supports CUDA up to 12\.4, and libtorch is built for CUDA 13\.0: update the driver to 580\.65\.06 or newer, .* for CUDA 12/,
    ],
    // The addon does not load: by the versions in files.
    [{ driver: '550.54.14', found: undefined, devices: [] }, /up to 12, .* built for CUDA 13:/],
    [{ found: { ...found, nvrtc: '' } }, /package nvidia-cuda-nvrtc where torch is/],
    [{ found: { ...found, libtorch: '12.8', nvrtc: '' } }, /nvidia-cuda-nvrtc-cu12 .*libnvrtc\.so\.12/],
    [{ builtins: [] }, /libnvrtc-builtins is not beside it/],
    [
      { devices: [card, { name: 'cuda:1', description: 'Tesla T4', capability: '7.5' }] },
      /cuda:1 \(Tesla T4\) has compute capability 7\.5, and the kernels need 8\.0/,
    ],
    [{ devices: [], found: { ...found, problem: 'the NVIDIA driver finds no GPU' } }, /finds no GPU\.$/],
  ];
  for (const [change, expected] of cases) {
    const advice = cudaAdvice({ ...fits, ...change });
    assert.equal(advice.length, 1, `${expected}: ${advice.join(' | ')}`);
    assert.match(advice[0]!, expected);
  }
});

test('several GPUs that cannot train one job', () => {
  const several = { ...fits, devices: [card, { ...card, name: 'cuda:1' }] };
  const missing = (libtorch: string) => cudaAdvice({ ...several, found: { ...found, libtorch, nccl: '' } });
  for (const [libtorch, wheel] of [
    ['13.0', 'nvidia-nccl-cu13'],
    ['12.8', 'nvidia-nccl-cu12'],
  ] as const) {
    assert.equal(missing(libtorch).length, 1);
    assert.match(missing(libtorch)[0]!, new RegExp(`2 GPUs, but no NCCL .*pip install ${wheel}`));
  }
  assert.deepEqual(cudaAdvice({ ...several, found: { ...found, nccl: '2.29.3' } }), []);
  assert.deepEqual(cudaAdvice({ ...several, found }), [], 'an addon from before it does not say');
  assert.deepEqual(cudaAdvice({ ...fits, found: { ...found, nccl: '' } }), [], 'one GPU needs none');
});

test('an older CUDA runs on a newer driver, and a newer minor version on an older one', () => {
  assert.deepEqual(cudaAdvice({ ...fits, found: { ...found, libtorch: '12.8', driver: '13.0' } }), []);
  assert.deepEqual(cudaAdvice({ ...fits, found: { ...found, libtorch: '13.2', driver: '13.0' } }), []);
});

test('NVRTC found by the linker alone needs nothing beside it', () => {
  assert.deepEqual(cudaAdvice({ ...fits, found: { ...found, nvrtc: 'libnvrtc.so.13' }, builtins: [] }), []);
});

test('versions of drivers and libraries', () => {
  assert.deepEqual(
    ['580.65.06', '595.1', '570.86.10', '525.60.13', '470.1', '390.1', 'unknown', undefined].map(cudaOfDriver),
    ['13', '13', '12', '12', '11', undefined, undefined, undefined],
  );
  assert.equal(cudaOfLibraries(['libc10.so', 'libcudart.so.13', 'libm.so.6']), '13');
  assert.equal(cudaOfLibraries(['libcudart-b4a1cd26.so.12']), '12');
  assert.equal(cudaOfLibraries(['libtorch_cpu.so']), undefined);
});

test('setup says what does not fit', () => {
  assert.deepEqual(setupAdvice('cuda', '580.65.06', '13'), []);
  assert.deepEqual(setupAdvice('cuda', undefined, '13'), []);
  assert.deepEqual(setupAdvice('cpu', '580.65.06', undefined), []);
  assert.match(setupAdvice('cuda', '550.54.14', '13').join(), /update the driver to 580/);
  assert.deepEqual(setupAdvice('cuda', 'unknown', '13'), []);
});
