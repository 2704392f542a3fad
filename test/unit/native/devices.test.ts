import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NativeDevice, NativeInfo } from '../../../lib/native/boundary.ts';
import { chooseDevice, choosePrecision, deviceKind, gpuName } from '../../../lib/native/devices.ts';
import { refuses } from '../cli/helpers.ts';

const cpu: NativeDevice = { name: 'cpu', totalBytes: 16e9, description: '', capability: '' };
const gpu = (name: string): NativeDevice => ({
  name,
  totalBytes: 80e9,
  description: `Card ${name}`,
  capability: '9.0',
});
const nothing = { libtorch: '', driver: '', nvrtc: '', problem: '' };
const without: Pick<NativeInfo, 'devices' | 'cuda'> = { devices: [cpu], cuda: nothing };
const two: typeof without = {
  devices: [cpu, gpu('cuda:0'), gpu('cuda:1')],
  cuda: { libtorch: '13.0', driver: '13.0', nvrtc: '/l/libnvrtc.so.13', problem: '' },
};

test('devices by name', () => {
  for (const [wanted, with2, with0] of [
    ['cpu', 'cpu', 'cpu'],
    ['auto', 'cuda:0', 'cpu'],
    ['cuda', 'cuda:0', undefined],
    ['cuda:1', 'cuda:1', undefined],
    ['emulated', 'emulated', 'emulated'],
  ] as const) {
    assert.equal(chooseDevice(wanted, two), with2);
    if (with0 === undefined) refuses(() => chooseDevice(wanted, without), 'ERR_DEVICE_UNAVAILABLE', /no GPU to use/);
    else assert.equal(chooseDevice(wanted, without), with0);
  }
  refuses(() => chooseDevice('cuda:2', two), 'ERR_DEVICE_UNAVAILABLE', /no GPU cuda:2, only cuda:0, cuda:1/);
  for (const wanted of ['gpu', 'CUDA', 'cuda:', 'cuda:x', 'cpu:0', '', 'mps'])
    refuses(() => chooseDevice(wanted, two), 'ERR_DEVICE_UNAVAILABLE', /there is no device/);
});

test('without a GPU it is said what is missing', () => {
  const why = (cuda: Partial<NativeInfo['cuda']>) => () =>
    chooseDevice('cuda', { ...without, cuda: { ...nothing, ...cuda } });
  refuses(why({}), 'ERR_DEVICE_UNAVAILABLE', /libtorch is a build without CUDA/);
  refuses(why({ libtorch: '13.0' }), 'ERR_DEVICE_UNAVAILABLE', /no NVIDIA driver is loaded/);
  refuses(why({ libtorch: '13.0', driver: '13.0' }), 'ERR_DEVICE_UNAVAILABLE', /the driver shows none/);
  refuses(why({ libtorch: '13.0', problem: 'the card is too old' }), 'ERR_DEVICE_UNAVAILABLE', /: the card is too old/);
});

test('precisions that a device computes in', () => {
  const yes = { bf16: true };
  const no = { bf16: false };
  assert.equal(choosePrecision('fp32', 'cpu', no), 'fp32');
  assert.equal(choosePrecision('bf16', 'cpu', yes), 'bf16');
  refuses(() => choosePrecision('bf16', 'cpu', no), 'ERR_DEVICE_UNAVAILABLE', /bfloat16/);
  refuses(() => choosePrecision('tf32', 'cpu', yes), 'ERR_DEVICE_UNAVAILABLE', /tf32 is a way of GPUs/);
  // What the processor computes in does not matter there.
  for (const device of ['cuda:0', 'cuda:1', 'emulated'])
    for (const precision of ['fp32', 'tf32', 'bf16'] as const)
      assert.equal(choosePrecision(precision, device, no), precision);
});

test('kinds and names', () => {
  assert.deepEqual(['cpu', 'cuda', 'cuda:3', 'emulated'].map(deviceKind), ['cpu', 'cuda', 'cuda', 'emulated']);
  assert.equal(gpuName('cuda:1', two), 'Card cuda:1');
  assert.equal(gpuName('cpu', two), undefined);
  assert.equal(gpuName('emulated', two), undefined);
});
