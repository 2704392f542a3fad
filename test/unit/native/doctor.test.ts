import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doctorText } from '../../../lib/cli/commands/doctor.ts';
import { advise, type DoctorReport } from '../../../lib/native/doctor.ts';

const healthy: Omit<DoctorReport, 'advice'> = {
  ok: true,
  node: { version: 'v24.0.0', path: '/usr/bin/node', platform: 'linux', arch: 'x64', glibc: '2.36' },
  system: { kernel: '6.1', processor: 'Some CPU', threads: 2, memory: 16e9, memoryFree: 8e9, nvidiaDriver: undefined },
  disk: [{ folder: '/cache', free: 50e9 }],
  tools: ['cmake', 'c++', 'ninja', 'make'].map((name) => ({ name, version: '1.0' })),
  lookup: ['LIBTORCH: not set', 'used before: libtorch 2.13.0 (cpu) in /opt/libtorch'],
  addon: {
    path: '/p/lrdist.node',
    there: true,
    build: {
      format: 'lrdist-build/1',
      libtorch: { path: '/opt/libtorch', version: '2.13.0', device: 'cpu', cxx11Abi: true },
      sources: '',
      march: 'native',
      processorFlags: [],
      compiler: 'c++',
      date: '2026-01-01T00:00:00.000Z',
    },
    stale: [],
  },
  cuda: { driver: undefined, libtorch: 'cpu', libtorchCuda: undefined, found: undefined, devices: [], builtins: [] },
  smoke: {
    ok: true,
    loss: 0.7,
    info: {
      boundaryVersion: 1,
      libtorchCompiled: '2.13.0',
      bf16: true,
      libtorchLoaded: '2.13.0',
      threads: 2,
      devices: [{ name: 'cpu', totalBytes: 16e9, description: '', capability: '' }],
      cuda: { libtorch: '', driver: '', nvrtc: '', problem: '' },
      config: '',
    },
  },
};

test('nothing to do when all is well', () => {
  assert.deepEqual(advise(healthy), []);
  const text = doctorText({ ...healthy, advice: [] });
  assert.match(text, /^Node +v24\.0\.0 linux x64, glibc 2\.36/);
  assert.match(text, /compiled 2\.13\.0, loaded 2\.13\.0/);
  assert.match(text, /Smoke test +passed .*0\.7000/);
  assert.match(text, /Nothing to do\.$/);
});

test('advice follows from what is wrong', () => {
  const failed = { ok: false, smoke: { ok: false, code: 'ERR_NATIVE', message: 'it crashed' } } as const;
  const cases: [Partial<Omit<DoctorReport, 'advice'>>, RegExp][] = [
    [{ ...failed, addon: { ...healthy.addon, there: false } }, /setup` to build/],
    [{ addon: { ...healthy.addon, stale: ['its sources have changed'] } }, /out of date \(its sources have changed\)/],
    [failed, /setup --force/],
    [{ ...failed, smoke: { ...failed.smoke, remedy: 'Do this.' } }, /^Do this\.$/],
    [
      { ...failed, tools: healthy.tools.map(({ name }) => ({ name, version: undefined })) },
      /CMake and a C\+\+20 compiler/,
    ],
    [{ cuda: { ...healthy.cuda, driver: '580.1' } }, /--device cuda/],
    [{ system: { ...healthy.system, memoryFree: 1e8 } }, /memory/],
    [{ disk: [{ folder: '/full', free: 1e6 }] }, /disk space is left in \/full/],
  ];
  for (const [change, expected] of cases) {
    const advice = advise({ ...healthy, ...change });
    assert.ok(
      advice.some((text) => expected.test(text)),
      `${expected}: ${advice.join(' | ')}`,
    );
  }
});

test('GPUs have lines of their own; a machine without has none', () => {
  assert.doesNotMatch(doctorText({ ...healthy, advice: [] }), /CUDA|NVRTC/);
  if (!healthy.smoke.ok) assert.fail();
  const { info } = healthy.smoke;
  const gpu = { name: 'cuda:0', description: 'NVIDIA H200', totalBytes: 150e9, capability: '9.0' };
  const cuda = { libtorch: '13.0', driver: '13.0', nvrtc: '/l/libnvrtc.so.13', problem: '' };
  const smoke = { ...healthy.smoke, info: { ...info, devices: [...info.devices, gpu], cuda } };
  const text = doctorText({ ...healthy, smoke, advice: [] });
  assert.match(text, /Devices +cpu \(16.*\n +cuda:0 \(NVIDIA H200, compute capability 9\.0, 150/);
  assert.match(text, /CUDA +libtorch 13\.0, driver up to 13\.0\nNVRTC +\/l\/libnvrtc/);
  assert.doesNotMatch(text, /NCCL/);
});

test('of several GPUs it is said whether they can train one job', () => {
  if (!healthy.smoke.ok) assert.fail();
  const { info } = healthy.smoke;
  const devices = ['cuda:0', 'cuda:1'].map((name) => ({
    ...{ name, description: 'NVIDIA H200', totalBytes: 150e9, capability: '9.0' },
  }));
  const text = (nccl?: string): string => {
    const found = { libtorch: '13.0', driver: '13.0', nvrtc: '/l/libnvrtc.so.13', problem: '' };
    const cuda = { ...found, ...(nccl === undefined ? {} : { nccl }) };
    const smoke = { ...healthy.smoke, info: { ...info, devices: [...info.devices, ...devices], cuda } };
    return doctorText({ ...healthy, smoke, cuda: { ...healthy.cuda, found: cuda, devices }, advice: [] });
  };
  assert.match(text('2.29.3'), /NCCL +2\.29\.3: all 2 GPUs can train one job/);
  assert.match(text(''), /NCCL +not found: a GPU for each job/);
  // An addon from before it does not say.
  assert.doesNotMatch(text(), /NCCL/);
});

test('a failed smoke test shows its message and code', () => {
  const text = doctorText({
    ...healthy,
    ok: false,
    smoke: { ok: false, code: 'ERR_NATIVE', message: 'it crashed with a memory fault' },
    advice: ['Do this.'],
  });
  assert.match(text, /FAILED: it crashed with a memory fault \(ERR_NATIVE\)/);
  assert.match(text, /Advice:\n {2}- Do this\.$/);
});
