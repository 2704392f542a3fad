import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NativeDevice } from '../../../lib/native/boundary.ts';
import { choosePrecision, deviceKind, deviceNames, deviceText, gpuName } from '../../../lib/native/devices.ts';
import { refuses } from '../cli/helpers.ts';

test('precisions that a device computes in', () => {
  const yes = { bf16: true };
  const no = { bf16: false };
  assert.equal(choosePrecision('fp32', 'cpu', no), 'fp32');
  assert.equal(choosePrecision('bf16', 'cpu', yes), 'bf16');
  refuses(() => choosePrecision('bf16', 'cpu', no), 'ERR_DEVICE_UNAVAILABLE', /bfloat16/);
  refuses(() => choosePrecision('tf32', 'cpu', yes), 'ERR_DEVICE_UNAVAILABLE', /tf32 is a way of GPUs/);
  // What the processor computes in does not matter there.
  for (const device of ['cuda:0', 'cuda:0,cuda:1', 'emulated', 'emulated,emulated'])
    for (const precision of ['fp32', 'tf32', 'bf16'] as const)
      assert.equal(choosePrecision(precision, device, no), precision);
});

test('kinds of devices and of lists', () => {
  for (const [device, kind] of [
    ['cpu', 'cpu'],
    ['cuda', 'cuda'],
    ['cuda:3', 'cuda'],
    ['cuda:0,cuda:1', 'cuda'],
    ['emulated', 'emulated'],
    ['emulated,emulated', 'emulated'],
  ] as const)
    assert.equal(deviceKind(device), kind, device);
  assert.deepEqual(deviceNames('cuda:0, cuda:1'), ['cuda:0', 'cuda:1']);
});

test('cards by name, those of a list counted', () => {
  const device = (name: string, description: string): NativeDevice => ({
    ...{ name, description, totalBytes: 80e9, capability: name === 'cpu' ? '' : '9.0' },
  });
  const devices = [
    device('cpu', ''),
    device('cuda:0', 'NVIDIA H200'),
    device('cuda:1', 'NVIDIA L4'),
    device('cuda:2', 'NVIDIA H200'),
    device('cuda:3', ''),
  ];
  for (const [name, card] of [
    ['cuda:1', 'NVIDIA L4'],
    ['cuda:0,cuda:2', '2 x NVIDIA H200'],
    ['cuda:0,cuda:1,cuda:2', '2 x NVIDIA H200, NVIDIA L4'],
    ['cuda:3', undefined],
    ['cpu', undefined],
    ['emulated', undefined],
    ['emulated,emulated', undefined],
  ] as const)
    assert.equal(gpuName(name, { devices }), card, name);
  assert.equal(deviceText('cuda', 2, '2 x NVIDIA H200'), 'cuda (2 x NVIDIA H200)');
  assert.equal(deviceText('emulated', 2, undefined), '2 x emulated');
  assert.equal(deviceText('emulated', 1, undefined), 'emulated');
});
